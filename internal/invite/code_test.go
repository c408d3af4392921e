package invite

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	sample = "7K2M-9QXR-4TBC"

	// Of the code 0123-4567-89AB, made with Python's hmac.
	vectorID  = "deb800d8c1c893a047fcacd418b8a40f"
	vectorKey = "4abfa9da028d2711e23ab7d0a533d74d58b3177b7f46442194c7d745c81bd401"
)

func TestCode(t *testing.T) {
	c, err := ParseCode(sample)
	if err != nil || c.Text() != sample {
		t.Fatalf("%v, %v", c.Text(), err)
	}
	for _, text := range []string{
		"7k2m-9qxr-4tbc", "7K2M9QXR4TBC", " 7K2M 9QXR 4TBC ", "7-K-2-M-9-Q-X-R-4-T-B-C", "7K2M9QXR4TBC--",
	} {
		if got, err := ParseCode(text); err != nil || got != c {
			t.Errorf("%q: %v", text, err)
		}
	}
	zero, err := ParseCode("OoO0-iIlL-1111")
	if err != nil || zero.Text() != "0000-1111-1111" {
		t.Errorf("letters like digits: %v, %v", zero.Text(), err)
	}
	for _, text := range []string{
		"", "7K2M-9QXR-4TB", "7K2M-9QXR-4TBCD", "UUUU-UUUU-UUUU", "7K2M_9QXR_4TBC", "7K2M-9QXR-4TB\x00", "７K2M-9QXR-4TB",
	} {
		if _, err := ParseCode(text); !errors.Is(err, ErrCode) || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The derivation is of the protocol: devices and servers of other hands have to get the same.
func TestDerivation(t *testing.T) {
	c, _ := ParseCode("0123-4567-89AB")
	if c.bits != 0x443214c74254b {
		t.Errorf("bits %x", c.bits)
	}
	p := c.PSK()
	if got := hex.EncodeToString(p.ID[:]); got != vectorID {
		t.Errorf("identifier %s", got)
	}
	if got := hex.EncodeToString(p.Key[:]); got != vectorKey {
		t.Errorf("key %s", got)
	}
}

func TestNewCode(t *testing.T) {
	c, err := NewCode(bytes.NewReader(bytes.Repeat([]byte{0xff}, 8)))
	if err != nil || c.Text() != "ZZZZ-ZZZZ-ZZZZ" {
		t.Errorf("%v, %v", c.Text(), err)
	}
	if _, err := NewCode(bytes.NewReader(make([]byte, 7))); !errors.Is(err, ErrCode) {
		t.Errorf("too little randomness: %v", err)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Code{rapid.Uint64Range(0, 1<<codeBits-1).Draw(t, "bits")}
		if got, err := ParseCode(c.Text()); err != nil || got != c {
			t.Fatalf("%x: %v", c.bits, err)
		}
	})
}

// A code is a secret: nothing but Text shows it.
func TestCodeNotPrinted(t *testing.T) {
	c, _ := ParseCode(sample)
	i := Invitation{Code: c}
	asJSON, _ := json.Marshal(i)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %x %d %s", c, c, c, c, c, c), fmt.Sprintf("%+v %#v %x", i, i, i), string(asJSON),
	} {
		if strings.Contains(text, "7K2M") || strings.Contains(text, fmt.Sprint(c.bits)) || strings.Contains(text, fmt.Sprintf("%x", c.bits)) {
			t.Errorf("shows the code: %s", text)
		}
	}
}
