package authority

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
)

func TestTokens(t *testing.T) {
	var tokens Tokens
	for i := range byte(maxTokens + 3) {
		tokens = tokens.With([]byte{i})
	}
	got, err := ParseTokens(tokens.Append(nil))
	if err != nil || len(got) != maxTokens || !bytes.Equal(got[0], []byte{maxTokens + 2}) {
		t.Errorf("%v, %v", got, err)
	}
	more := append(got[:maxTokens:maxTokens], nil)
	for name, bad := range map[string][]byte{
		"nothing": nil, "another": {0x80}, "a version": {0x83, 2, 0x66, 't', 'o', 'k', 'e', 'n', 's', 0x80}, "too many": more.Append(nil),
	} {
		if _, err := ParseTokens(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is not a server's, not of a trusted authority, or over, is none of the server's credentials.
func TestTokensValid(t *testing.T) {
	ours, other := issuers()[0], issuers()[1]
	first, second := deviceKey(), newKey(handshake.MLKEM512)
	tokens := Tokens{
		issue(t, ours, start.Add(day/2), cwt.UsageServer, first),
		issue(t, ours, start, cwt.UsageServer, second),
		issue(t, ours, start, cwt.UsageServer, first),
		issue(t, ours, start, cwt.UsageDevice, first),
		issue(t, other, start, cwt.UsageServer, first),
		issue(t, ours, start, cwt.UsageServer, newKey(handshake.MLKEM768)),
		[]byte("x"),
	}
	set := NewSet(ours.Trust())
	valid := tokens.Valid(set, start.Add(day/2), handshake.MLKEM512)
	if len(valid) != 3 || !bytes.Equal(valid[0].Bytes, tokens[0]) || valid[0].Trust.Issuer != "fleet" ||
		!valid[0].Of(first) || !valid[1].Of(second) || valid[1].Of(first) || !valid[2].Of(first) {
		t.Errorf("%+v", valid)
	}
	if valid := tokens.Valid(set, start.Add(day+Skew), handshake.MLKEM512); len(valid) != 1 || !valid[0].Of(first) {
		t.Errorf("after a day: %+v", valid)
	}
}

func TestDue(t *testing.T) {
	c := &cwt.Claims{NotBefore: start, Expires: start.Add(3 * day)}
	for after, want := range map[time.Duration]bool{0: false, 2*day - time.Second: false, 2 * day: true, 4 * day: true} {
		if Due(c, start.Add(after)) != want {
			t.Errorf("after %v: want %v", after, want)
		}
	}
}
