package upstream

import (
	"strings"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
)

// shown writes queries and private options.
func shown(options message.Options) string {
	var parts []string
	for _, o := range options {
		switch o.ID {
		case message.URIQuery:
			parts = append(parts, "?"+string(o.Value))
		case message.URIPath:
			parts = append(parts, "/"+string(o.Value))
		default:
			parts = append(parts, "!"+string(o.Value))
		}
	}
	return strings.Join(parts, " ")
}

func queries(texts ...string) (options message.Options) {
	for _, text := range texts {
		options = append(options, message.Option{ID: message.URIQuery, Value: []byte(text)})
	}
	return options
}

func TestAttachQuery(t *testing.T) {
	id := identity{query: "device"}
	for _, c := range []struct {
		options message.Options
		device  string
		want    string
	}{
		{nil, "a", "?device=a"},
		{queries("x=1", "device=b", "y"), "a", "?x=1 ?y ?device=a"},
		{queries("device=b"), "", ""}, // who has no name does not get one
		{queries("devices=b", "mydevice=c", "x=device"), "a", "?devices=b ?mydevice=c ?x=device ?device=a"},
	} {
		if got := shown(id.attach(c.options, c.device)); got != c.want {
			t.Errorf("%q: %q, want %q", shown(c.options), got, c.want)
		}
	}
}

// The list of resources takes no parameter, but a forged one does not stay.
func TestAttachDiscovery(t *testing.T) {
	core := message.Options{{ID: message.URIPath, Value: []byte(".well-known")}, {ID: message.URIPath, Value: []byte("core")}}
	got := shown(identity{query: "device"}.attach(append(core, queries("rt=x", "device=b")...), "a"))
	if got != "/.well-known /core ?rt=x" {
		t.Errorf("%q", got)
	}
	got = shown(identity{option: 65000}.attach(core, "a"))
	if got != "/.well-known /core !a" {
		t.Errorf("%q", got)
	}
}

func TestAttachOption(t *testing.T) {
	option := func(number message.OptionID, text string) message.Option {
		return message.Option{ID: number, Value: []byte(text)}
	}
	id := identity{option: 65000}
	options := append(queries("device=b"), option(64999, "x"), option(65000, "b"), option(65000, "c"), option(65004, "y"))
	if got := shown(id.attach(options, "a")); got != "?device=b !x !a !y" {
		t.Errorf("%q", got)
	}
	if got := shown(id.attach(message.Options{option(65000, "b")}, "")); got != "" {
		t.Errorf("who has no name: %q", got)
	}
}

func TestAttachNothing(t *testing.T) {
	if got := shown(identity{}.attach(queries("device=b"), "a")); got != "?device=b" {
		t.Errorf("%q", got)
	}
}

// Whatever a server might take for the parameter counts.
func TestNames(t *testing.T) {
	for query, want := range map[string]bool{
		"device=x": true, "device": true, "device=": true, "DEVICE=x": true, "Device=x": true,
		"a=1&device=x": true, "a=1;device=x": true, "&device=x": true, "?device=x": true, " device=x": true, "device =x": true,
		"dev%69ce=x": true, "%64evice=x": true, "dev%2569ce=x": true, "a%26device=x": true, "a=1%26device%3dx": true,
		"+device=x": true, "device%00=x": true, "device&a": true, "%zz&dev%69ce=x": true, "dev%69ce=%": true,
		"": false, "devices=x": false, "x=device": false, "devic=x": false, "my-device=x": false, "a=%zz": false, "x=%64evice": false,
	} {
		if got := names(query, "device"); got != want {
			t.Errorf("%q: %v", query, got)
		}
	}
}

// An option has at most 255 bytes, but names must end for any text.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"device=x", "dev%69ce", "a%2526device", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		got := names(query, "device")
		if !got && names("a&"+query, "device") {
			t.Errorf("%q counts behind a&, but not alone", query)
		}
		if !names(query+"&device=x", "device") {
			t.Errorf("a parameter behind %q does not count", query)
		}
	})
}
