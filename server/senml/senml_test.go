package senml

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

var testNow = time.Unix(1_800_000_000, 0)

// examples are those of RFC 8428: the section, a pack, and its readings resolved.
var examples = []struct {
	section string
	pack    string
	cbor    string // where the RFC gives it, in hex
	want    []Record
}{
	{
		section: "5.1.1",
		pack:    `[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]`,
		want:    []Record{numeric("urn:dev:ow:10e2073a01080063", "Cel", 1.8e9, 23.1)},
	},
	{
		section: "5.1.2",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
			{"n":"current","u":"A","v":1.2}]`,
		want: []Record{
			numeric("urn:dev:ow:10e2073a01080063:voltage", "V", 1.8e9, 120.1),
			numeric("urn:dev:ow:10e2073a01080063:current", "A", 1.8e9, 1.2),
		},
	},
	{
		section: "5.1.2 and 6",
		pack: `[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
			"n":"voltage","u":"V","v":120.1},
			{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},
			{"n":"current","t":-3,"v":1.4},{"n":"current","t":-2,"v":1.5},
			{"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}]`,
		cbor: "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b001062" +
			"23614120050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3f" +
			"f3333333333333a3006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202" +
			"fb3ff6666666666666a3006763757272656e74062102f93e00a3006763757272656e74062002fb3ff999" +
			"999999999aa3006763757272656e74060002fb3ffb333333333333",
		want: []Record{
			numeric("urn:dev:ow:10e2073a0108006:voltage", "V", 1276020076.001, 120.1),
			numeric("urn:dev:ow:10e2073a0108006:current", "A", 1276020071.001, 1.2),
			numeric("urn:dev:ow:10e2073a0108006:current", "A", 1276020072.001, 1.3),
			numeric("urn:dev:ow:10e2073a0108006:current", "A", 1276020073.001, 1.4),
			numeric("urn:dev:ow:10e2073a0108006:current", "A", 1276020074.001, 1.5),
			numeric("urn:dev:ow:10e2073a0108006:current", "A", 1276020075.001, 1.6),
			numeric("urn:dev:ow:10e2073a0108006:current", "A", 1276020076.001, 1.7),
		},
	},
	{
		section: "5.1.3, its first records",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
			{"u":"lon","v":24.30621},{"u":"%EL","t":150,"v":98}]`,
		want: []Record{
			numeric("urn:dev:ow:10e2073a01080063", "%RH", 1320067464, 20),
			numeric("urn:dev:ow:10e2073a01080063", "lon", 1320067464, 24.30621),
			numeric("urn:dev:ow:10e2073a01080063", "%EL", 1320067614, 98),
		},
	},
	{
		section: "5.1.5",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
			{"n":"label","vs":"Machine Room"},{"n":"open","vb":false},{"n":"nfv-reader","vd":"aGkgCg"}]`,
		want: []Record{
			numeric("urn:dev:ow:10e2073a01080063:temp", "Cel", 1.8e9, 23.1),
			{Name: "urn:dev:ow:10e2073a01080063:label", Kind: Text, Text: "Machine Room", Time: 1.8e9},
			{Name: "urn:dev:ow:10e2073a01080063:open", Kind: Boolean, Time: 1.8e9},
			{Name: "urn:dev:ow:10e2073a01080063:nfv-reader", Kind: Data, Data: []byte("hi \n"), Time: 1.8e9},
		},
	},
	{
		section: "5.1.6",
		pack: `[{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":25.2},
			{"n":"humidity","u":"%RH","v":30},
			{"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},
			{"n":"humidity","u":"%RH","v":67}]`,
		want: []Record{
			numeric("2001:db8::2/temperature", "Cel", 1320078429, 25.2),
			numeric("2001:db8::2/humidity", "%RH", 1320078429, 30),
			numeric("2001:db8::1/temperature", "Cel", 1320078429, 12.3),
			numeric("2001:db8::1/humidity", "%RH", 1320078429, 67),
		},
	},
	{
		section: "5.1.7, with a record of base fields only",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063:"},{"n":"temp","u":"Cel","v":23.1},
			{"n":"heat","u":"/","v":1},{"n":"fan","u":"/","v":0}]`,
		want: []Record{
			numeric("urn:dev:ow:10e2073a01080063:temp", "Cel", 1.8e9, 23.1),
			numeric("urn:dev:ow:10e2073a01080063:heat", "/", 1.8e9, 1),
			numeric("urn:dev:ow:10e2073a01080063:fan", "/", 1.8e9, 0),
		},
	},
}

func numeric(name, unit string, t, v float64) Record {
	return Record{Name: name, Unit: unit, Kind: Number, Number: v, Time: t}
}

func TestExamples(t *testing.T) {
	for _, e := range examples {
		got, err := Parse(JSON, []byte(e.pack), testNow)
		if err != nil || !reflect.DeepEqual(got, e.want) {
			t.Errorf("section %s: %+v, %v; want %+v", e.section, got, err, e.want)
		}
		if e.cbor == "" {
			continue
		}
		got, err = Parse(CBOR, unhex(e.cbor), testNow)
		if err != nil || !reflect.DeepEqual(got, e.want) {
			t.Errorf("section %s in CBOR: %+v, %v; want %+v", e.section, got, err, e.want)
		}
	}
}

func TestFormat(t *testing.T) {
	if _, err := Parse(50, []byte(`[]`), testNow); !errors.Is(err, ErrFormat) {
		t.Errorf("error = %v", err)
	}
}

// refused says that an error is of the class, and about the record and field.
func refused(err error, record int, field string, class error) bool {
	var e *Error
	return errors.As(err, &e) && errors.Is(err, class) && e.Record == record && e.Field == field
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}
