package record

import (
	"bytes"
	"errors"
	"testing"
)

// Nobody without the key makes a record that opens: whatever does is one of
// the genuine ones, byte for byte.
func FuzzOpen(f *testing.F) {
	id := testID(f, "4711")
	device, _ := testPair(f, AES128GCMSHA256, id)
	genuine := map[string]bool{}
	for i := range 70 {
		b, err := device.Seal(nil, ApplicationData, bytes.Repeat([]byte("c"), i%4), i%2 == 0)
		if err != nil {
			f.Fatal(err)
		}
		genuine[string(b)] = true
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), b...))
	}
	f.Add([]byte{})
	f.Add(unhex(f, "334711000000000000000000000000000000000000"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		_, server := testPair(t, AES128GCMSHA256, id)
		for rest := bytes.Clone(datagram); len(rest) > 0; {
			before, state := bytes.Clone(rest), stateOf(server)
			r, next, err := server.Open(rest)
			record := string(before[:len(before)-len(next)])
			switch {
			case err == nil && !genuine[record]:
				t.Fatalf("%x opened: %+v", record, r)
			case err != nil && (!errors.Is(err, ErrRejected) || stateOf(server) != state):
				t.Fatalf("%x: error %v, or state changed", record, err)
			}
			rest = next
		}
	})
}
