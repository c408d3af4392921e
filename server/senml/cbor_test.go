package senml

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

func TestCBORNumbers(t *testing.T) {
	for _, c := range []struct {
		item string
		want float64
	}{
		{"00", 0}, {"1903e8", 1000}, {"3903e7", -1000}, {"1bffffffffffffffff", 1 << 64},
		{"3bffffffffffffffff", -1 << 64}, // RFC 8949: -1 minus the argument
		{"f93e00", 1.5}, {"fa47c35000", 100000}, {"fb3ff199999999999a", 1.1},
		{"c48221196ab3", 273.15}, {"c482201a00010000", 6553.6}, {"c4820203", 300}, {"c4823903e701", 0},
	} {
		got, err := Parse(CBOR, unhex("81a2006161"+"02"+c.item), testNow)
		if err != nil || got[0].Number != c.want {
			t.Errorf("%s: %v, %v; want %v", c.item, got, err, c.want)
		}
	}
}

func TestRejectedCBOR(t *testing.T) {
	const ok = "a2006161 0201" // {n: "a", v: 1}
	text := hex.EncodeToString([]byte(secret))
	for _, c := range []struct {
		what, pack string
		record     int
		field      string
		err        error
	}{
		{"empty", "", 0, "", ErrSyntax},
		{"trailing bytes", "81" + ok + "00", 0, "", ErrSyntax},
		{"a map", ok, 0, "", ErrType},
		{"a tag around it", "c1 81" + ok, 0, "", ErrSyntax},
		{"another tag around it", "d864 81" + ok, 0, "", ErrType},
		{"null", "f6", 0, "", ErrType},
		{"no record", "80", 0, "", ErrEmpty},
		{"a stated length without content", "9b7fffffffffffffff", 0, "", ErrLimit},
		{"an array longer than what follows", "9903ff" + ok, 0, "", ErrSyntax},
		{"too many records", "990401" + strings.Repeat(ok, 0x401), 0, "", ErrLimit},
		{"too many fields", "81b821" + manyLabels(33), 0, "", ErrLimit},
		{"nested too deep", "81 a3006161 0201 6178 81818100", 0, "", ErrLimit},
		{"indefinite array", "9f" + ok + "ff", 0, "", ErrSyntax},
		{"indefinite map", "81 bf 006161 0201 ff", 0, "", ErrSyntax},
		{"indefinite text", "81 a2 00 7f6161ff 0201", 0, "", ErrSyntax},
		{"not UTF-8", "81 a2 0061ff 0201", 0, "", ErrSyntax},
		{"a record that is none", "82" + ok + "01", 2, "", ErrType},
		{"field twice", "81 a3006161 0201 0202", 0, "", ErrDuplicate},
		{"unknown field twice", "81 a4006161 0201 63" + text + "01 63" + text + "02", 0, "", ErrDuplicate},
		{"must be understood", "81 a3006161 0201 64" + text + "5f 01", 1, "", ErrUnsupported},
		{"label of bytes", "81 a3006161 0201 416e 01", 1, "", ErrType},
		{"label of boolean", "81 a3006161 0201 f5 01", 1, "", ErrType},
		{"label of the table as text", "81 a2006161 6176 01", 1, "v", ErrType},
		{"bver of float", "81 a320f94500 006161 0201", 1, "bver", ErrType},
		{"bver negative", "81 a32020 006161 0201", 1, "bver", ErrType},
		{"bver as fraction", "81 a320c4820005 006161 0201", 1, "bver", ErrType},
		{"bver 11", "81 a3200b 006161 0201", 1, "bver", ErrVersion},
		{"n of bytes", "81 a2004161 0201", 1, "n", ErrType},
		{"v of null", "81 a2006161 02f6", 1, "v", ErrType},
		{"v of text", "81 a2006161 0263" + text, 1, "v", ErrType},
		{"v of a bignum", "81 a2006161 02c249010000000000000000", 0, "", ErrRange},
		{"v of another tag", "81 a2006161 02d86401", 1, "v", ErrType},
		{"v of a simple value", "81 a2006161 02e0", 1, "v", ErrType},
		{"v NaN", "81 a2006161 02f97e00", 0, "", ErrRange},
		{"v infinite", "81 a2006161 02fb7ff0000000000000", 0, "", ErrRange},
		{"v a fraction of one", "81 a2006161 02c48101", 1, "v", ErrType},
		{"v a fraction of text", "81 a2006161 02c482016131", 1, "v", ErrType},
		{"v a fraction of float", "81 a2006161 02c482f93e0001", 1, "v", ErrType},
		{"v a fraction too large", "81 a2006161 02c482 1b7fffffffffffffff 01", 1, "v", ErrRange},
		{"vd of text", "81 a2006161 0863" + text, 1, "vd", ErrType},
		{"vs of bytes", "81 a2006161 0343" + text, 1, "vs", ErrType},
		{"vb of number", "81 a2006161 0401", 1, "vb", ErrType},
	} {
		got, err := Parse(CBOR, unhex(c.pack), testNow)
		if got != nil || !refused(err, c.record, c.field, c.err) {
			t.Errorf("%s: %v, %v", c.what, got, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats the input: %v", c.what, err)
		}
	}
}

func manyLabels(n int) string {
	var b bytes.Buffer
	for i := range n {
		b.Write([]byte{0x18, byte(100 + i), 0})
	}
	return hex.EncodeToString(b.Bytes())
}

func TestTruncatedCBOR(t *testing.T) {
	valid := unhex(examples[2].cbor)
	for n := range valid {
		if _, err := Parse(CBOR, valid[:n], testNow); !refused(err, 0, "", ErrSyntax) {
			t.Errorf("%d-byte prefix: error = %v", n, err)
		}
	}
}

func TestFlippedCBOR(t *testing.T) {
	valid := unhex(examples[2].cbor)
	for i := range valid {
		for bit := range 8 {
			b := bytes.Clone(valid)
			b[i] ^= 1 << bit
			parsed(t, CBOR, b)
		}
	}
}

func TestAppendCBORIsShort(t *testing.T) {
	got, err := Append(nil, CBOR, []Record{{Name: "a", Unit: "Cel", Kind: Number, Number: 21.5, Time: 1.8e9}})
	if want := unhex("81a4006161 016343656c 02f94d60 061a6b49d200"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
}

func TestCBORErrorsKeepTheirClass(t *testing.T) {
	for _, err := range []error{&cbor.SyntaxError{}, errors.New("any other")} {
		if got := cborError(err); !errors.Is(got, ErrSyntax) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

func FuzzParseCBOR(f *testing.F) {
	for _, e := range examples {
		records, err := Parse(JSON, []byte(e.pack), testNow)
		if err != nil {
			f.Fatal(err)
		}
		b, err := Append(nil, CBOR, records)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(unhex(examples[2].cbor))
	f.Fuzz(func(t *testing.T, b []byte) { parsed(t, CBOR, b) })
}
