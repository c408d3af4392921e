package invite

import (
	"errors"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/handshake"
)

const uri = "coap+pq://example.com:5688?s=3&fp=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8&code=7K2M-9QXR-4TBC"

func TestParse(t *testing.T) {
	i, err := Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	if i.Address != "example.com:5688" || i.Suite != handshake.MLKEM512 || i.Fingerprint[31] != 31 || i.Code.Text() != sample {
		t.Errorf("%+v", i)
	}
	if i.URI() != uri {
		t.Errorf("written again: %s", i.URI())
	}
	for _, same := range []string{
		" " + uri + "\n",
		strings.Replace(uri, "coap+pq", "COAP+PQ", 1),
		strings.Replace(uri, ":5688?", ":5688/?", 1),
		strings.Replace(uri, "7K2M-9QXR-4TBC", "7k2m9qxr4tbc", 1),
		"coap+pq://example.com:5688?code=7K2M-9QXR-4TBC&fp=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8&s=3",
	} {
		if got, err := Parse(same); err != nil || *got != *i {
			t.Errorf("%s: %v", same, err)
		}
	}
	for _, address := range []string{"192.0.2.1:1", "[2001:db8::1]:65535", "a-b.example:5688"} {
		if got, err := Parse(strings.Replace(uri, "example.com:5688", address, 1)); err != nil || got.Address != address {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestRejectedURIs(t *testing.T) {
	for what, change := range map[string][2]string{
		"another scheme":      {"coap+pq", "coaps"},
		"no port":             {":5688", ""},
		"port 0":              {":5688", ":0"},
		"port 65536":          {":5688", ":65536"},
		"no host":             {"example.com", ""},
		"IPv6 unbracketed":    {"example.com", "2001:db8::1"},
		"a user":              {"example.com", "me@example.com"},
		"a path":              {":5688?", ":5688/x?"},
		"a fragment":          {"4TBC", "4TBC#x"},
		"host with an escape": {"example.com", "a%2Fb"},
		"no suite":            {"s=3&", ""},
		"suite 0":             {"s=3", "s=0"},
		"suite 5":             {"s=3", "s=5"},
		"suite 259":           {"s=3", "s=259"},
		"suite of text":       {"s=3", "s=best"},
		"suite twice":         {"s=3", "s=3&s=3"},
		"another parameter":   {"s=3", "s=3&x=1"},
		"no fingerprint":      {"fp=", "f="},
		"short fingerprint":   {"AAEC", ""},
		"padded fingerprint":  {"HB0eHx", "HB0eHx="},
		"fingerprint of +":    {"AAEC", "AA+C"},
		"no code":             {"&code=7K2M-9QXR-4TBC", ""},
		"short code":          {"-4TBC", ""},
		"long code":           {"-4TBC", "-4TBCD"},
		"semicolon":           {"&fp", ";fp"},
		"too long":            {"example.com", strings.Repeat("a", maxURI)},
	} {
		text := strings.Replace(uri, change[0], change[1], 1)
		if text == uri && what != "padded fingerprint" {
			t.Fatalf("%s: nothing is changed", what)
		}
		if what == "padded fingerprint" {
			text = strings.Replace(uri, "Hh8&", "Hh8=&", 1)
		}
		if _, err := Parse(text); !errors.Is(err, ErrURI) || strings.Contains(err.Error(), "7K2M") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := range uri {
		if _, err := Parse(uri[:n]); !errors.Is(err, ErrURI) {
			t.Errorf("%d bytes of it: %v", n, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(uri)
	f.Add("coap+pq://[::1]:1?s=1&fp=&code=")
	f.Fuzz(func(t *testing.T, text string) {
		i, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(i.URI())
		if err != nil || *again != *i {
			t.Errorf("%q: written as %q: %v", text, i.URI(), err)
		}
	})
}
