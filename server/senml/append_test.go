package senml

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

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
