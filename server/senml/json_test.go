package senml

import (
	"fmt"
	"strings"
	"testing"
)

// secret stands for what an attacker sends and no error may repeat.
const secret = "Zq7"

func TestRejectedJSON(t *testing.T) {
	const ok = `{"n":"a","v":1}`
	long := strings.Repeat("a", 300)
	for _, c := range []struct {
		what, pack string
		record     int
		field      string
		err        error
	}{
		{"empty", ``, 0, "", ErrSyntax},
		{"not UTF-8", "[{\"n\":\"a\",\"vs\":\"\xff\"}]", 0, "", ErrSyntax},
		{"trailing bytes", `[` + ok + `] x`, 0, "", ErrSyntax},
		{"two packs", `[` + ok + `][` + ok + `]`, 0, "", ErrSyntax},
		{"an object", ok, 0, "", ErrType},
		{"null", `null`, 0, "", ErrType},
		{"no record", `[]`, 0, "", ErrEmpty},
		{"too many records", `[` + strings.Repeat(ok+",", MaxRecords) + ok + `]`, 0, "", ErrLimit},
		{"a record that is none", `[` + ok + `,1]`, 2, "", ErrType},
		{"too many fields", `[{` + manyFields() + `"n":"a","v":1}]`, 1, "", ErrLimit},
		{"field twice", `[` + ok + `,{"n":"a","v":1,"v":2}]`, 2, "v", ErrDuplicate},
		{"unknown field twice", `[{"n":"a","v":1,"Zq7":1,"Zq7":2}]`, 1, "", ErrDuplicate},
		{"must be understood", `[{"n":"a","v":1,"Zq7_":1}]`, 1, "", ErrUnsupported},
		{"base field that must be understood", `[{"bZq7_":1},` + ok + `]`, 1, "", ErrUnsupported},
		{"bver of text", `[{"bver":"Zq7","n":"a","v":1}]`, 1, "bver", ErrType},
		{"bver 0", `[{"bver":0,"n":"a","v":1}]`, 1, "bver", ErrVersion},
		{"bver 11", `[{"bver":11,"n":"a","v":1}]`, 1, "bver", ErrVersion},
		{"bver 5.5", `[{"bver":5.5,"n":"a","v":1}]`, 1, "bver", ErrVersion},
		{"bver that changes", `[{"bver":5,"n":"a","v":1},{"bver":6,"n":"a","v":1}]`, 2, "bver", ErrVersion},
		{"bver that differs from the default", `[` + ok + `,{"bver":5,"n":"a","v":1}]`, 2, "bver", ErrVersion},
		{"bn of number", `[{"bn":7,"n":"a","v":1}]`, 1, "bn", ErrType},
		{"bn too long", `[{"bn":"` + long + `","v":1}]`, 1, "bn", ErrLimit},
		{"bt of text", `[{"bt":"Zq7","n":"a","v":1}]`, 1, "bt", ErrType},
		{"bu of number", `[{"bu":7,"n":"a","v":1}]`, 1, "bu", ErrType},
		{"bu too long", `[{"bu":"` + long + `","n":"a","v":1}]`, 1, "bu", ErrLimit},
		{"bv of boolean", `[{"bv":true,"n":"a","v":1}]`, 1, "bv", ErrType},
		{"bs null", `[{"bs":null,"n":"a","v":1}]`, 1, "bs", ErrType},
		{"n missing", `[{"v":1}]`, 1, "n", ErrMissing},
		{"no field at all", `[{}]`, 1, "n", ErrMissing},
		{"n of number", `[{"n":7,"v":1}]`, 1, "n", ErrType},
		{"n of array", `[{"n":["Zq7"],"v":1}]`, 1, "n", ErrType},
		{"n too long with bn", `[{"bn":"` + long[:200] + `","n":"` + long[:57] + `","v":1}]`, 1, "n", ErrLimit},
		{"n that starts with a sign", `[{"n":":Zq7","v":1}]`, 1, "n", ErrCharacter},
		{"n with a space", `[{"n":"a Zq7","v":1}]`, 1, "n", ErrCharacter},
		{"n beyond ASCII", `[{"n":"Zq7é","v":1}]`, 1, "n", ErrCharacter},
		{"u of number", `[{"n":"a","u":1,"v":1}]`, 1, "u", ErrType},
		{"u too long", `[{"n":"a","u":"` + long + `","v":1}]`, 1, "u", ErrLimit},
		{"u with a control character", `[{"n":"a","u":"\u0007","v":1}]`, 1, "u", ErrCharacter},
		{"no value", `[{"n":"a"}]`, 1, "v", ErrMissing},
		{"a base value only", `[{"bv":1,"n":"a"}]`, 1, "v", ErrMissing},
		{"v and vs", `[{"n":"a","v":1,"vs":"Zq7"}]`, 1, "vs", ErrConflict},
		{"vs and vb", `[{"n":"a","vs":"Zq7","vb":true}]`, 1, "vb", ErrConflict},
		{"v and vd", `[{"n":"a","v":1,"vd":"Zq7_"}]`, 1, "vd", ErrConflict},
		{"v of text", `[{"n":"a","v":"Zq7"}]`, 1, "v", ErrType},
		{"v of object", `[{"n":"a","v":{"v":1}}]`, 1, "v", ErrType},
		{"v too large", `[{"n":"a","v":1e999}]`, 1, "v", ErrRange},
		{"v with a capital E", `[{"n":"a","v":1E3}]`, 1, "v", ErrCharacter},
		{"v too large with bv", `[{"bv":1e308,"n":"a","v":1.7e308}]`, 1, "v", ErrRange},
		{"NaN", `[{"n":"a","v":NaN}]`, 0, "", ErrSyntax},
		{"vs of number", `[{"n":"a","vs":1}]`, 1, "vs", ErrType},
		{"vs too long", `[{"n":"a","vs":"` + strings.Repeat("a", MaxText+1) + `"}]`, 1, "vs", ErrLimit},
		{"vb of number", `[{"n":"a","vb":1}]`, 1, "vb", ErrType},
		{"vd of boolean", `[{"n":"a","vd":true}]`, 1, "vd", ErrType},
		{"vd not base64url", `[{"n":"a","vd":"Zq7+"}]`, 1, "vd", ErrCharacter},
		{"vd with padding", `[{"n":"a","vd":"aGkgCg=="}]`, 1, "vd", ErrCharacter},
		{"vd with a line end", `[{"n":"a","vd":"aGkg\nCg"}]`, 1, "vd", ErrCharacter},
		{"vd with bits left over", `[{"n":"a","vd":"aGkgCh"}]`, 1, "vd", ErrCharacter},
		{"vd too long", `[{"n":"a","vd":"` + strings.Repeat("aaaa", MaxText) + `"}]`, 1, "vd", ErrLimit},
		{"s of text", `[{"n":"a","s":"Zq7"}]`, 1, "s", ErrType},
		{"s too large with bs", `[{"bs":1e308,"n":"a","s":1.7e308}]`, 1, "s", ErrRange},
		{"t of text", `[{"n":"a","v":1,"t":"Zq7"}]`, 1, "t", ErrType},
		{"t before what can be written", `[{"n":"a","v":1,"t":-1.7e9}]`, 1, "t", ErrRange},
		{"t after the year 9999", `[{"n":"a","v":1,"t":253402300800}]`, 1, "t", ErrRange},
		{"t too large with bt", `[{"bt":1e308,"n":"a","v":1,"t":1.7e308}]`, 1, "t", ErrRange},
		{"ut of text", `[{"n":"a","v":1,"ut":"Zq7"}]`, 1, "ut", ErrType},
		{"ut below zero", `[{"n":"a","v":1,"ut":-1}]`, 1, "ut", ErrRange},
	} {
		got, err := Parse(JSON, []byte(c.pack), testNow)
		if got != nil || !refused(err, c.record, c.field, c.err) {
			t.Errorf("%s: %v, %v", c.what, got, err)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error repeats the input: %v", c.what, err)
		}
	}
}

func manyFields() string {
	var b strings.Builder
	for i := range maxFields {
		fmt.Fprintf(&b, `"x%d":1,`, i)
	}
	return b.String()
}

func TestTruncatedJSON(t *testing.T) {
	valid := []byte(examples[2].pack)
	for n := range valid {
		if _, err := Parse(JSON, valid[:n], testNow); !refused(err, 0, "", ErrSyntax) {
			t.Errorf("%d-byte prefix: error = %v", n, err)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	for _, e := range examples {
		f.Add([]byte(e.pack))
	}
	f.Fuzz(func(t *testing.T, b []byte) { parsed(t, JSON, b) })
}

// parsed checks that what Parse accepts, Append can write, and that it reads the same.
func parsed(t *testing.T, f Format, b []byte) {
	records, err := Parse(f, b, testNow)
	if err != nil || len(records) == 0 {
		return
	}
	for _, to := range []Format{JSON, CBOR} {
		out, err := Append(nil, to, records)
		if err != nil {
			t.Fatalf("%d: %v of %+v", to, err, records)
		}
		again, err := Parse(to, out, testNow)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(records) {
			t.Fatalf("%d: %+v, %v; want %+v", to, again, err, records)
		}
	}
}
