package senml

import (
	"reflect"
	"testing"
)

func TestResolve(t *testing.T) {
	const before = 1<<28 - 1
	for _, c := range []struct {
		what, pack string
		want       []Record
	}{
		{"relative time", `[{"n":"a","v":1,"t":-10.5}]`, []Record{numeric("a", "", 1.8e9-10.5, 1)}},
		{"largest relative time", `[{"n":"a","v":1,"t":268435455}]`, []Record{numeric("a", "", 1.8e9+before, 1)}},
		{"smallest absolute time", `[{"n":"a","v":1,"t":268435456}]`, []Record{numeric("a", "", before+1, 1)}},
		{"the sum of both times decides", `[{"bt":268435450,"n":"a","v":1,"t":6}]`, []Record{numeric("a", "", before+1, 1)}},
		{"base value", `[{"bv":100,"n":"a","v":-1},{"n":"b","vs":"x"},{"bv":0,"n":"c","v":3}]`, []Record{
			numeric("a", "", 1.8e9, 99), {Name: "b", Kind: Text, Text: "x", Time: 1.8e9}, numeric("c", "", 1.8e9, 3)}},
		{"base sum", `[{"n":"a","v":1},{"bs":5,"n":"a","v":1},{"n":"a","s":2}]`, []Record{
			numeric("a", "", 1.8e9, 1),
			{Name: "a", Kind: Number, Number: 1, HasSum: true, Sum: 5, Time: 1.8e9},
			{Name: "a", HasSum: true, Sum: 7, Time: 1.8e9}}},
		{"an empty unit overrides the base unit", `[{"bu":"m","n":"a","u":"","v":1}]`, []Record{numeric("a", "", 1.8e9, 1)}},
		{"unknown fields", `[{"n":"a","v":1,"x":{"y":[1,{"n":null}]},"bx":"_","_x":1}]`, []Record{numeric("a", "", 1.8e9, 1)}},
		{"the newest version", `[{"bver":10,"n":"a","v":1},{"bver":10,"n":"a","v":1}]`, []Record{
			numeric("a", "", 1.8e9, 1), numeric("a", "", 1.8e9, 1)}},
	} {
		got, err := Parse(JSON, []byte(c.pack), testNow)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.what, got, err, c.want)
		}
	}
}
