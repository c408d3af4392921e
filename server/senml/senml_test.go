package senml

import (
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

var testNow = time.Unix(1_800_000_000, 0)

// example is from RFC 8428: the section, a pack, and its readings resolved.
var examples = []struct {
	section string
	pack    string
	cbor    string // where the RFC gives it, in hex
	want    []Record
}{
	{
		section: "5.1.1",
		pack:    `[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]`,
		want:    []Record{number1("urn:dev:ow:10e2073a01080063", "Cel", 1.8e9, 23.1)},
	},
	{
		section: "5.1.2",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
			{"n":"current","u":"A","v":1.2}]`,
		want: []Record{
			number1("urn:dev:ow:10e2073a01080063:voltage", "V", 1.8e9, 120.1),
			number1("urn:dev:ow:10e2073a01080063:current", "A", 1.8e9, 1.2),
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
			number1("urn:dev:ow:10e2073a0108006:voltage", "V", 1276020076.001, 120.1),
			number1("urn:dev:ow:10e2073a0108006:current", "A", 1276020071.001, 1.2),
			number1("urn:dev:ow:10e2073a0108006:current", "A", 1276020072.001, 1.3),
			number1("urn:dev:ow:10e2073a0108006:current", "A", 1276020073.001, 1.4),
			number1("urn:dev:ow:10e2073a0108006:current", "A", 1276020074.001, 1.5),
			number1("urn:dev:ow:10e2073a0108006:current", "A", 1276020075.001, 1.6),
			number1("urn:dev:ow:10e2073a0108006:current", "A", 1276020076.001, 1.7),
		},
	},
	{
		section: "5.1.3, its first records",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
			{"u":"lon","v":24.30621},{"u":"%EL","t":150,"v":98}]`,
		want: []Record{
			number1("urn:dev:ow:10e2073a01080063", "%RH", 1320067464, 20),
			number1("urn:dev:ow:10e2073a01080063", "lon", 1320067464, 24.30621),
			number1("urn:dev:ow:10e2073a01080063", "%EL", 1320067614, 98),
		},
	},
	{
		section: "5.1.5",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
			{"n":"label","vs":"Machine Room"},{"n":"open","vb":false},{"n":"nfv-reader","vd":"aGkgCg"}]`,
		want: []Record{
			number1("urn:dev:ow:10e2073a01080063:temp", "Cel", 1.8e9, 23.1),
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
			number1("2001:db8::2/temperature", "Cel", 1320078429, 25.2),
			number1("2001:db8::2/humidity", "%RH", 1320078429, 30),
			number1("2001:db8::1/temperature", "Cel", 1320078429, 12.3),
			number1("2001:db8::1/humidity", "%RH", 1320078429, 67),
		},
	},
	{
		section: "5.1.7, with a record of base fields only",
		pack: `[{"bn":"urn:dev:ow:10e2073a01080063:"},{"n":"temp","u":"Cel","v":23.1},
			{"n":"heat","u":"/","v":1},{"n":"fan","u":"/","v":0}]`,
		want: []Record{
			number1("urn:dev:ow:10e2073a01080063:temp", "Cel", 1.8e9, 23.1),
			number1("urn:dev:ow:10e2073a01080063:heat", "/", 1.8e9, 1),
			number1("urn:dev:ow:10e2073a01080063:fan", "/", 1.8e9, 0),
		},
	},
}

func number1(name, unit string, t, v float64) Record {
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

func TestAppendGivesTheSameBack(t *testing.T) {
	all := []Record{
		{Name: "a", Kind: Number, Number: -0.5, Time: 1.8e9, HasUpdateTime: true, UpdateTime: 60},
		{Name: "b", Kind: None, HasSum: true, Sum: 0, Time: 1.8e9},
		{Name: "c", Unit: "m", Kind: Number, Number: math.MaxFloat64, HasSum: true, Sum: 7.25, Time: 1.8e9 + 0.125},
		{Name: "d", Kind: Text, Time: 1.8e9},
		{Name: "e", Kind: Data, Data: []byte{}, Time: 1.8e9},
		{Name: "f", Kind: Boolean, Boolean: true, Time: 1.8e9},
		{Name: "g", Kind: Number, Number: math.Copysign(0, -1), Time: 1.8e9},
		{Name: "h", Kind: Text, Text: "<\"\\\x00é>", Time: 1.8e9},
	}
	for _, e := range examples {
		all = append(all, e.want...)
	}
	for _, f := range []Format{JSON, CBOR} {
		b, err := Append([]byte("x"), f, all)
		if err != nil || b[0] != 'x' {
			t.Fatalf("format %d: %q, %v", f, b, err)
		}
		got, err := Parse(f, b[1:], testNow.Add(time.Hour))
		if err != nil || !reflect.DeepEqual(got, all) {
			t.Errorf("format %d: %+v, %v; want %+v", f, got, err, all)
		}
	}
}

func TestResolve(t *testing.T) {
	const before = 1<<28 - 1
	for _, c := range []struct {
		what, pack string
		want       []Record
	}{
		{"relative time", `[{"n":"a","v":1,"t":-10.5}]`, []Record{number1("a", "", 1.8e9-10.5, 1)}},
		{"largest relative time", `[{"n":"a","v":1,"t":268435455}]`, []Record{number1("a", "", 1.8e9+before, 1)}},
		{"smallest absolute time", `[{"n":"a","v":1,"t":268435456}]`, []Record{number1("a", "", before+1, 1)}},
		{"the sum of both times decides", `[{"bt":268435450,"n":"a","v":1,"t":6}]`, []Record{number1("a", "", before+1, 1)}},
		{"base value", `[{"bv":100,"n":"a","v":-1},{"n":"b","vs":"x"},{"bv":0,"n":"c","v":3}]`, []Record{
			number1("a", "", 1.8e9, 99), {Name: "b", Kind: Text, Text: "x", Time: 1.8e9}, number1("c", "", 1.8e9, 3)}},
		{"base sum", `[{"n":"a","v":1},{"bs":5,"n":"a","v":1},{"n":"a","s":2}]`, []Record{
			number1("a", "", 1.8e9, 1),
			{Name: "a", Kind: Number, Number: 1, HasSum: true, Sum: 5, Time: 1.8e9},
			{Name: "a", HasSum: true, Sum: 7, Time: 1.8e9}}},
		{"an empty unit overrides the base unit", `[{"bu":"m","n":"a","u":"","v":1}]`, []Record{number1("a", "", 1.8e9, 1)}},
		{"unknown fields", `[{"n":"a","v":1,"x":{"y":[1,{"n":null}]},"bx":"_","_x":1}]`, []Record{number1("a", "", 1.8e9, 1)}},
		{"the newest version", `[{"bver":10,"n":"a","v":1},{"bver":10,"n":"a","v":1}]`, []Record{
			number1("a", "", 1.8e9, 1), number1("a", "", 1.8e9, 1)}},
	} {
		got, err := Parse(JSON, []byte(c.pack), testNow)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.what, got, err, c.want)
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	valid := Record{Name: "a", Kind: Number, Number: 1, Time: 1.8e9}
	for _, c := range []struct {
		what  string
		field string
		err   error
		spoil func(*Record)
	}{
		{"no name", "n", ErrMissing, func(r *Record) { r.Name = "" }},
		{"long name", "n", ErrLimit, func(r *Record) { r.Name = strings.Repeat("a", MaxName+1) }},
		{"name of other characters", "n", ErrCharacter, func(r *Record) { r.Name = "a b" }},
		{"long unit", "u", ErrLimit, func(r *Record) { r.Unit = strings.Repeat("m", MaxUnit+1) }},
		{"unit of other characters", "u", ErrCharacter, func(r *Record) { r.Unit = "\n" }},
		{"no value", "v", ErrMissing, func(r *Record) { r.Kind = None }},
		{"unknown kind", "v", ErrMissing, func(r *Record) { r.Kind = Data + 1 }},
		{"not a number", "v", ErrRange, func(r *Record) { r.Number = math.NaN() }},
		{"long text", "vs", ErrLimit, func(r *Record) { r.Kind, r.Text = Text, strings.Repeat("a", MaxText+1) }},
		{"text not UTF-8", "vs", ErrCharacter, func(r *Record) { r.Kind, r.Text = Text, "\xff" }},
		{"long data", "vd", ErrLimit, func(r *Record) { r.Kind, r.Data = Data, make([]byte, MaxText+1) }},
		{"infinite sum", "s", ErrRange, func(r *Record) { r.HasSum, r.Sum = true, math.Inf(1) }},
		{"relative time", "t", ErrRange, func(r *Record) { r.Time = 5 }},
		{"time after the year 9999", "t", ErrRange, func(r *Record) { r.Time = 1e12 }},
		{"time not a number", "t", ErrRange, func(r *Record) { r.Time = math.NaN() }},
		{"negative update time", "ut", ErrRange, func(r *Record) { r.HasUpdateTime, r.UpdateTime = true, -1 }},
	} {
		bad := valid
		c.spoil(&bad)
		got, err := Append([]byte("x"), CBOR, []Record{valid, bad})
		if string(got) != "x" || !refused(err, 2, c.field, c.err) {
			t.Errorf("%s: %x, %v", c.what, got, err)
		}
	}
	if _, err := Append(nil, JSON, nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("no records: %v", err)
	}
	if _, err := Append(nil, JSON, make([]Record, MaxRecords+1)); !errors.Is(err, ErrLimit) {
		t.Errorf("too many records: %v", err)
	}
	if _, err := Append(nil, 60, []Record{valid}); !errors.Is(err, ErrFormat) {
		t.Errorf("format 60: %v", err)
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
