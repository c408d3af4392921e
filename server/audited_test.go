package server

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/audit"
)

// nopHandler answers nothing.
var nopHandler = coap.HandlerFunc(nil)

// auditLog is the events of a folder, each as "event device: reason", and the file.
func auditLog(t *testing.T, dir string) (events []string, text string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, audit.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e struct{ Event, Device, Reason string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		events = append(events, strings.Join(strings.Fields(e.Event+" "+e.Device+" "+e.Reason), " "))
	}
	return events, string(b)
}

// Who comes in, by ticket or not, and who does not, and why, is in the folder's audit log, and no
// secret is.
func TestAudit(t *testing.T) {
	onBench(t, func(t *testing.T, w *bench) {
		dir := initDir(t, handshake.MLKEM512) // by the clock of the bench
		folder := w.folder(dir)
		d := w.connect(nil)
		time.Sleep(time.Second)
		d.close()
		again := w.connect(d.ticket)
		time.Sleep(time.Second)
		again.close()
		late := w.halfOpen() // never sends its first record
		time.Sleep(2 * time.Minute)
		late.close()
		if err := folder.Devices.Remove("a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		stranger := w.device(nil)
		<-stranger.ended
		stranger.close()
		time.Sleep(2 * time.Second)
		events, text := auditLog(t, dir)
		want := []string{
			"admitted a", "resumed a", "refused a no first record: gone, or without the key of its credential",
			"refused device is not enrolled",
		}
		if !slices.Equal(events, want) {
			t.Errorf("events %q, want %q", events, want)
		}
		_, key := testKeys()
		id := key.Public().DeviceID()
		if !strings.Contains(text, hex.EncodeToString(id[:])) {
			t.Errorf("a refusal does not name its credential:\n%s", text)
		}
		for _, secret := range [][]byte{folder.Secrets.Echo[:], folder.Secrets.Reset[:], key.Append(nil)[10:30], folder.Keys[0].Append(nil)[10:30]} {
			if strings.Contains(text, hex.EncodeToString(secret[:4])) {
				t.Error("a secret is in the log")
			}
		}
	})
}

// What cannot be a handshake is there too, without the bytes that came.
func TestAuditGarbage(t *testing.T) {
	dir := initDir(t, handshake.MLKEM512)
	onBench(t, func(t *testing.T, w *bench) {
		w.folder(dir)
		other, err := handshake.GenerateKey(zeros{}, handshake.MLKEM512)
		if err != nil {
			t.Fatal(err)
		}
		w.key = other
		d := w.device(nil)
		<-d.ended
		d.close()
		time.Sleep(2 * time.Second)
		events, _ := auditLog(t, dir)
		if len(events) == 0 || events[0] != "refused for no key of this server, or it does not open" {
			t.Errorf("events %q", events)
		}
	})
}

// zeros is where a key comes from that no server has.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// Without a log of its own a server does not write one.
func TestAuditOff(t *testing.T) {
	dir := initDir(t, handshake.MLKEM512)
	edit(t, dir, "audit = false\n")
	onBench(t, func(t *testing.T, w *bench) {
		w.folder(dir)
		w.connect(nil).close()
		time.Sleep(time.Second)
		if _, err := os.Stat(filepath.Join(dir, audit.FileName)); err == nil {
			t.Error("there is one")
		}
	})
}
