package record

import "testing"

func TestNoAllocations(t *testing.T) {
	device, server := testPair(t, AES256GCMSHA384, testID(t, "c001020304050607"))
	buffer, forged := make([]byte, 0, 256), make([]byte, 64)
	message := make([]byte, 64)
	for name, f := range map[string]func(){
		"seal and open": func() {
			datagram, err := device.Seal(buffer, ApplicationData, message, true)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := server.Open(datagram); err != nil {
				t.Fatal(err)
			}
		},
		"reject a forged record": func() {
			copy(forged, buffer[:64])
			forged[0] &^= bitL
			if _, _, err := server.Open(forged); err == nil {
				t.Fatal("forged record opened")
			}
		},
		"reject a malformed record": func() {
			if _, _, err := server.Open(forged[:5]); err == nil {
				t.Fatal("malformed record opened")
			}
		},
		"find the connection ID": func() {
			if _, ok := PeekConnectionID(buffer[:64]); !ok {
				t.Fatal("no connection ID")
			}
		},
	} {
		device.Seal(buffer, ApplicationData, message, true) // something to forge and peek at
		if n := testing.AllocsPerRun(200, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
