package node

import (
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
)

func TestPathOptions(t *testing.T) {
	octets := message.AppOctets
	options, err := pathOptions("/a%2Fb/c?last=3&x=%20", &octets)
	if err != nil {
		t.Fatal(err)
	}
	want := []message.Option{
		{ID: message.URIPath, Value: []byte("a/b")},
		{ID: message.URIPath, Value: []byte("c")},
		{ID: message.ContentFormat, Value: []byte{42}},
		{ID: message.URIQuery, Value: []byte("last=3")},
		{ID: message.URIQuery, Value: []byte("x= ")},
	}
	if len(options) != len(want) {
		t.Fatalf("%d options, want %d", len(options), len(want))
	}
	for i := range want {
		if options[i].ID != want[i].ID || string(options[i].Value) != string(want[i].Value) {
			t.Errorf("option %d is %v %q, want %v %q", i, options[i].ID, options[i].Value, want[i].ID, want[i].Value)
		}
	}
}

func TestPathOptionsRejects(t *testing.T) {
	long := make([]byte, maxSegment+1)
	for i := range long {
		long[i] = 'a'
	}
	for _, path := range []string{"coap://elsewhere/x", "//host/x", "/%zz", "/" + string(long)} {
		if _, err := pathOptions(path, nil); err == nil {
			t.Errorf("%.20q accepted", path)
		}
	}
	if options, err := pathOptions("/", nil); err != nil || len(options) != 0 {
		t.Errorf("/: %v, %v, want no options", options, err)
	}
}
