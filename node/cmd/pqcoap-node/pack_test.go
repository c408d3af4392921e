package main

import (
	"bytes"
	"encoding/hex"
	"math"
	"testing"
	"time"
)

func TestAppendPack(t *testing.T) {
	base := time.Unix(1_700_000_000, 0)
	readings := []reading{{base, 20}, {base.Add(10 * time.Second), 20.0625}, {base.Add(20500 * time.Millisecond), -3}}
	const want = "83" + // array of 3
		"a4" + "02f94d00" + // 2: 20.0
		"21" + "6173" + // -2: "s"
		"22" + "fa4ecaa7e2" + // -3: 1700000000, exact in four bytes
		"23" + "6343656c" + // -4: "Cel"
		"a2" + "02f94d04" + "06f94900" + // 2: 20.0625, 6: 10
		"a2" + "02f9c200" + "06f94d20" // 2: -3, 6: 20.5
	pack, err := appendPack([]byte{0xff}, "s", readings)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(pack); got != "ff"+want {
		t.Errorf("pack =\n%s, want\nff%s", got, want)
	}
	again, _ := appendPack(nil, "s", readings)
	if !bytes.Equal(again, pack[1:]) {
		t.Error("the same readings give another pack")
	}
}

func TestTemperature(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	before := temperature(at, 0)
	for range 1000 {
		at = at.Add(time.Second)
		v := temperature(at, 1)
		if math.Abs(v-meanTemperature) > swing+0.2 || v != math.Round(v/step)*step {
			t.Fatalf("%v at %v", v, at)
		}
		if math.Abs(v-before) > 0.5 {
			t.Fatalf("from %v to %v in a second", before, v)
		}
		before = v
	}
}
