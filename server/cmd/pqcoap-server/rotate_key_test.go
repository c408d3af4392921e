package main

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

// A key is rotated in three steps, beside a server that runs or not, and the last one waits for the
// devices.
func TestRotateKey(t *testing.T) {
	both(t, func(t *testing.T) {
		line(t, 1, "rotate-key -suite 1")
		line(t, 1, "rotate-key -suite 3 -status")
		line(t, 0, "enroll a")
		line(t, 0, "enroll gone")
		line(t, 0, "revoke gone")
		before := line(t, 0, "fingerprint")
		fresh := strings.Fields(line(t, 0, "rotate-key -suite 3"))
		line(t, 1, "rotate-key -suite 3")
		prints := line(t, 0, "fingerprint")
		if old := strings.TrimSpace(before) + "  retiring\n"; strings.Count(prints, "\n") != 2 || !strings.Contains(prints, fresh[len(fresh)-1]+"\n") || !strings.HasSuffix(prints, old) {
			t.Errorf("fingerprints:\n%swant %s, and retiring:\n%s", prints, fresh[len(fresh)-1], before)
		}
		if out := line(t, 0, "fingerprint -json"); strings.Count(out, `"retiring":true`) != 1 {
			t.Errorf("fingerprints: %s", out)
		}
		if out := line(t, 0, "rotate-key -suite 3 -status"); !strings.Contains(out, "know the new key  0\nonly the old one  0\nnever seen        1\n") {
			t.Errorf("status:\n%s", out)
		}
		if out := line(t, 1, "rotate-key -suite 3 -finish"); !strings.Contains(out, "-force") {
			t.Errorf("finish:\n%s", out)
		}
		if out := line(t, 0, "rotate-key -suite 3 -finish -force"); !strings.Contains(out, strings.Fields(before)[2]) {
			t.Errorf("finish:\n%s", out)
		}
		line(t, 1, "rotate-key -suite 3 -finish -force")
		if prints := line(t, 0, "fingerprint"); strings.Contains(prints, "retiring") {
			t.Errorf("fingerprints:\n%s", prints)
		}
		log := read(t, "home/audit.log") // a server that runs adds lines of its own
		if strings.Count(log, "server key made") != 1 || strings.Count(log, "server key dropped") != 1 {
			t.Errorf("the audit log:\n%s", log)
		}
	})
}

func TestRotateKeyUsage(t *testing.T) {
	newFolder(t, "3")
	for _, text := range []string{"rotate-key x", "rotate-key -status -finish", "rotate-key -force", "rotate-key -suite 5"} {
		line(t, 2, text)
	}
}

// Devices count by the key that they have come by last.
func TestLearning(t *testing.T) {
	dir := newFolder(t, "3")
	for _, name := range []string{"a", "b", "c"} {
		line(t, 0, "enroll "+name)
	}
	folder, err := server.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.OpenDevices(); err != nil {
		t.Fatal(err)
	}
	defer folder.Devices.Close()
	current := folder.Keys[0].ServerCredential().KeyID()
	folder.Devices.Met("a", time.Now(), current)
	folder.Devices.Met("b", time.Now(), [8]byte{1})
	key, err := handshake.GenerateKey(rand.Reader, handshake.MLKEM512)
	if err != nil {
		t.Fatal(err)
	}
	certified := registry.Device{Name: "d", Suite: handshake.MLKEM512, PublicKey: key.Public(), Origin: registry.Code,
		Enrolled: time.Now(), Expires: time.Now().Add(time.Hour)}
	if err := folder.Devices.Enroll(certified); err != nil {
		t.Fatal(err)
	}
	var n learning
	var devices control.Devices = folder.Devices
	if err := n.count(devices, folder.Keys[0].Suite(), current); err != nil || n.know != 2 || n.old != 1 || n.unseen != 1 || strings.Join(n.without, " ") != "b c" {
		t.Errorf("%+v, %v", n, err)
	}
}
