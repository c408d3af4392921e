package cross

import "testing"

// TestLeaves: the vectors, and the tests of what the device program is made of.
func TestLeaves(t *testing.T) {
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			qemu := m.qemu(t)
			t.Log(run(t, m.goCommand(t, "test", "-vet=off", "-short", "-exec", qemu,
				module+"/conformance/vectors", module+"/record/...", module+"/handshake", module+"/coap")))
		})
	}
}
