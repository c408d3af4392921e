package coap

import (
	"bytes"
	"errors"
	"testing"
)

func TestBlock(t *testing.T) {
	for _, test := range []struct {
		value []byte
		want  Block
	}{
		{nil, Block{}},
		{[]byte{0x0e}, Block{0, true, 6}},
		{[]byte{0x16}, Block{1, false, 6}},
		{[]byte{0x01, 0x0a}, Block{16, true, 2}},
		{[]byte{0xff, 0xff, 0xfe}, Block{maxBlockNumber, true, 6}},
	} {
		got, err := ParseBlock(test.value)
		if err != nil || got != test.want || !bytes.Equal(got.Append(nil), test.value) {
			t.Errorf("%x: %v, appended %x, error %v", test.value, got, got.Append(nil), err)
		}
	}
	if b, err := ParseBlock([]byte{0, 0, 0x16}); err != nil || b != (Block{1, false, 6}) {
		t.Errorf("leading zeros: %v, error %v", b, err)
	}
	for _, value := range [][]byte{{7}, {0x0f}, {1, 2, 3, 4}} {
		if _, err := ParseBlock(value); !errors.Is(err, ErrBlock) {
			t.Errorf("%x: error %v", value, err)
		}
	}
	if b := (Block{Number: 3, SZX: 2}); b.Size() != 64 || b.Offset() != 192 {
		t.Errorf("size %d, offset %d", b.Size(), b.Offset())
	}
}

func TestUint(t *testing.T) {
	for _, v := range []uint32{0, 1, 255, 256, 65535, 65536, 1<<24 - 1, 1 << 24, 1<<32 - 1} {
		b := appendUint(nil, v)
		if parseUint(b) != v || len(b) > 0 && b[0] == 0 {
			t.Errorf("%d: %x", v, b)
		}
	}
}
