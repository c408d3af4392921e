package cross

import "testing"

// exhaustive tests try the same with each byte or size, which a processor makes no difference to,
// and an emulated one takes minutes for.
const exhaustive = "^Test(Changed|StateFlipped|LaneRandom|LaneHandshake|PlainSize|PairSizes|ManyRequests|HandshakeTransfer)"

// TestLeaves: the vectors, and the tests of what the device program is made of.
func TestLeaves(t *testing.T) {
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			qemu := m.qemu(t)
			t.Log(run(t, m.goCommand(t, "test", "-vet=off", "-short", "-skip", exhaustive, "-exec", qemu,
				module+"/conformance/vectors", module+"/record/...", module+"/handshake", module+"/coap")))
		})
	}
}
