package registry

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/invite"
)

const killVariable = "PQCOAP_TEST_KILL"

// keyOf is the key that the process to be killed redeems code n with.
func keyOf(n int) *handshake.PublicKey { return publicKey(handshake.MLKEM512, uint64(n)) }

// toBeKilled works on devices, one behind the other, for as long as it lives. It says what is
// done when that is acknowledged.
func toBeKilled(dir string) {
	var first int
	fmt.Sscan(os.Getenv(killVariable+"_FIRST"), &first)
	r, err := Open(dir)
	say := func(what string, n int, text string) { fmt.Println(what, n, text) }
	for n := first; err == nil; n++ {
		name := fmt.Sprint("device-", n)
		if err = r.Enroll(pskDevice(name, uint64(n))); err != nil {
			break
		}
		say("enrolled", n, "-")
		switch n % 3 {
		case 1:
			if err = r.Suspend(name); err == nil {
				say("suspended", n, "-")
			}
		case 2:
			if err = r.Remove(name); err == nil {
				say("removed", n, "-")
			}
		}
		var code invite.Code
		if code, err = r.Invite(Invitation{Name: fmt.Sprint("invited-", n), Suite: handshake.MLKEM512}); err != nil {
			break
		}
		say("invited", n, code.Text())
		if _, err = r.Redeem(code.PSK().ID, keyOf(n), r.now()); err == nil {
			say("redeemed", n, code.Text())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// acknowledged is what a process that was killed has said of a device, and of the invitation of
// that number.
type acknowledged struct{ device, invitation, code string }

// killed runs the process until it has acknowledged some things, and kills it.
func killed(t *testing.T, dir string, first, after int) map[int]*acknowledged {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), killVariable+"="+dir, fmt.Sprint(killVariable, "_FIRST=", first))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	ok(t, err)
	ok(t, c.Start())
	said := map[int]*acknowledged{}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == after {
			c.Process.Kill() // what is in the pipe already is read all the same
		}
		var what, text string
		var number int
		if _, err := fmt.Sscan(lines.Text(), &what, &number, &text); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		a := said[number]
		if a == nil {
			a = new(acknowledged)
			said[number] = a
		}
		if text == "-" {
			a.device = what
		} else {
			a.invitation, a.code = what, text
		}
	}
	c.Wait()
	if len(said) == 0 {
		t.Fatal("the process has done nothing")
	}
	return said
}

// TestKilled: what was acknowledged before a SIGKILL is there, and no code lets two devices in.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	first, done := 0, 0
	for range 20 {
		said := killed(t, dir, first, rand.IntN(40))
		last := first + len(said) - 1 // what it was at when it was killed may be done or not
		first = last + 2
		r := open(t, dir)
		r.now = time.Now
		for n, a := range said {
			done++
			if n != last || a.invitation != "" {
				checkDevice(t, r, n, a.device)
			}
			if a.code != "" {
				checkCode(t, r, n, a)
			}
		}
		ok(t, r.Close())
	}
	t.Logf("%d devices", done)
}

func checkDevice(t *testing.T, r *Registry, n int, what string) {
	t.Helper()
	d := pskDevice(fmt.Sprint("device-", n), uint64(n))
	_, err := r.Lookup(d.Suite, d.Credential())
	if want := map[string]error{"enrolled": nil, "suspended": ErrSuspended, "removed": ErrUnknown}[what]; n%3 != 0 && what == "enrolled" {
		t.Errorf("device %d: the next step was not acknowledged before the one behind it", n)
	} else if !errors.Is(err, want) && !(want == ErrUnknown && errors.Is(err, ErrBusy)) {
		t.Errorf("device %d: %v, %s was acknowledged", n, err, what)
	}
}

// checkCode tries a code with the key that the process had, and with others.
func checkCode(t *testing.T, r *Registry, n int, a *acknowledged) {
	t.Helper()
	code, err := invite.ParseCode(a.code)
	ok(t, err)
	id := code.PSK().ID
	before, err := r.Get(fmt.Sprint("invited-", n))
	if err != nil {
		t.Fatalf("invitation %d, acknowledged as %s: %v", n, a.invitation, err)
	}
	if before.Enrolling && a.invitation == "redeemed" {
		t.Errorf("code %d is not redeemed any more", n)
	}
	if !before.Enrolling && before.PublicKey.DeviceID() != keyOf(n).DeviceID() {
		t.Errorf("code %d: another key", n)
	}
	_, err = r.Redeem(id, keyOf(n), r.now())
	wants(t, fmt.Sprintf("code %d with its key", n), err, nil)
	_, err = r.Redeem(id, publicKey(handshake.MLKEM512, uint64(n+30000)), r.now())
	wants(t, fmt.Sprintf("code %d with another key", n), err, ErrTaken)
}
