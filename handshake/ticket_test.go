package handshake

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"
)

// serverResult is that of a server after a full handshake.
func serverResult(t testing.TB, suite Suite, mode Mode) *Result {
	t.Helper()
	p := newPair(t, suite, mode)
	_, res := p.respond(p.initiator().M1())
	return res
}

func TestContents(t *testing.T) {
	for _, suite := range allSuites {
		for _, mode := range allModes {
			res := serverResult(t, suite, mode)
			g := res.lineage.at(epoch.Unix(), testLimits)
			g.resumptions, g.policy, g.fresh = 7, 8, false
			b := g.contents(suite, res.Resumption)
			gotSuite, secret, got, err := parseContents(b)
			if err != nil || gotSuite != suite || !bytes.Equal(secret, res.Resumption) || got != g {
				t.Errorf("%v, %v: %+v became %+v, error = %v", suite, mode, g, got, err)
			}
			if clear(b); bytes.Equal(secret, make([]byte, 32)) {
				t.Error("the secret aliases the contents")
			}
			b = g.contents(suite, res.Resumption)
			for n := range b {
				if _, _, _, err := parseContents(b[:n]); err != ErrRejected {
					t.Errorf("%v: %d-byte prefix: error = %v", mode, n, err)
				}
			}
			if _, _, _, err := parseContents(append(b, 0)); err != ErrRejected {
				t.Errorf("%v: trailing byte: error = %v", mode, err)
			}
			for n, bad := range map[int]byte{0: 5, 1: 3} {
				changed := bytes.Clone(b)
				changed[n] = bad
				if _, _, _, err := parseContents(changed); err != ErrRejected {
					t.Errorf("byte %d of %d: error = %v", n, bad, err)
				}
			}
		}
	}
}

// TestContentsLayout fixes docs/protocol.md section 16.6.
func TestContentsLayout(t *testing.T) {
	g := lineage{ClientCredential{Mode: ModePSK, ID: [16]byte{0xaa}}, [4]byte{1, 2, 3, 4}, [8]byte{9}, 5, 6, false, 0x01020304, 0x05060708}
	want := "02020605" + "05060708" + "01020304" + "01020304" + fmt.Sprintf("%x", bytes.Repeat([]byte{7}, 32)) +
		"aa000000000000000000000000000000" + "0900000000000000"
	if got := fmt.Sprintf("%x", g.contents(MLKEM768, bytes.Repeat([]byte{7}, 32))); got != want {
		t.Errorf("contents are %s, want %s", got, want)
	}
}

// TestTicketHides: a ticket shows nothing of what it holds, and two are never alike.
func TestTicketHides(t *testing.T) {
	c := newChain(t, MLKEM768, ModeKEM)
	res := serverResult(t, MLKEM768, ModeKEM)
	var tickets [][]byte
	for _, name := range []string{"one", "two"} {
		issued, err := c.keys.Issue(random(name), c.now, res, c.limits)
		if err != nil {
			t.Fatal(err)
		}
		id := res.lineage.credential.ID
		for _, part := range [][]byte{res.Resumption, id[:], res.lineage.server[:]} {
			if bytes.Contains(issued.Ticket, part) {
				t.Error("a part of the contents is in the ticket")
			}
		}
		tickets = append(tickets, issued.Ticket)
	}
	for at := ticketIDSize; at+16 <= len(tickets[0]); at++ {
		if bytes.Equal(tickets[0][at:at+16], tickets[1][at:at+16]) {
			t.Error("two tickets of one session have 16 bytes in common")
		}
	}
}

func TestIssueMisuse(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	i := c.initiator()
	m2, server := c.respond(i.M1())
	device, err := i.Finish(m2)
	if err != nil {
		t.Fatal(err)
	}
	late := *server
	late.lineage.expires = epoch.Unix()
	for _, row := range []struct {
		name   string
		keys   *TicketKeys
		now    time.Time
		res    *Result
		limits Limits
	}{
		{"no keys", &TicketKeys{}, c.now, server, c.limits},
		{"before the first key", c.keys, c.now.Add(-time.Second), server, c.limits},
		{"result of a device", c.keys, c.now, device, c.limits},
		{"empty result", c.keys, c.now, &Result{}, c.limits},
		{"no lifetime", c.keys, c.now, server, Limits{}},
		{"negative age", c.keys, c.now, server, Limits{time.Hour, 1, -time.Second}},
		{"after the end of the chain", c.keys, c.now, &late, c.limits},
		{"in the year 2106", c.keys, time.Unix(maxSeconds, 0), server, c.limits},
	} {
		if issued, err := row.keys.Issue(random("x"), row.now, row.res, row.limits); issued != nil || !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: error = %v, want %v", row.name, err, ErrMisuse)
		}
	}
	if issued, err := c.keys.Issue(bytes.NewReader(make([]byte, 15)), c.now, server, c.limits); issued != nil || err == nil {
		t.Error("a ticket without randomness")
	}
	issued, err := c.keys.Issue(random("x"), c.now, server, c.limits)
	if err != nil || issued.Lifetime != c.limits.Lifetime || issued.Small != c.limits.SmallAge {
		t.Errorf("baseline: %+v, error = %v", issued, err)
	}
}

// TestSmallNoLongerThanTicket: what a device is told of the small form ends with the ticket.
func TestSmallNoLongerThanTicket(t *testing.T) {
	c := newChain(t, MLKEM512, ModeKEM)
	limits := Limits{Lifetime: time.Hour, Small: 1, SmallAge: 24 * time.Hour}
	issued, err := c.keys.Issue(random("x"), c.now, serverResult(t, MLKEM512, ModeKEM), limits)
	if err != nil || issued.Small != time.Hour {
		t.Errorf("small form for %v, error = %v", issued.Small, err)
	}
}
