package record

import (
	"crypto/aes"
	"crypto/cipher"
	"testing"
)

const benchSize = 64

// BenchmarkBare is what no record layer can do without: one AES-GCM operation
// and one AES block, the yardstick for the two below.
func BenchmarkBare(b *testing.B) {
	block, _ := aes.NewCipher(make([]byte, 32))
	aead, _ := cipher.NewGCM(block)
	buffer, nonce, mask := make([]byte, benchSize+1+tagSize), make([]byte, ivSize), make([]byte, maskSize)
	header := make([]byte, 3)
	b.Run("Seal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			aead.Seal(buffer[:0], nonce, buffer[:benchSize+1], header)
			block.Encrypt(mask, buffer[:maskSize])
		}
	})
	sealed := aead.Seal(nil, nonce, make([]byte, benchSize+1), header)
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			copy(buffer, sealed)
			block.Encrypt(mask, buffer[:maskSize])
			if _, err := aead.Open(buffer[:0], nonce, buffer, header); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	device, _ := testPair(b, AES256GCMSHA384, testID(b, "4711"))
	buffer, message := make([]byte, 0, 128), make([]byte, benchSize)
	b.ReportAllocs()
	for b.Loop() {
		device.send.next &= 0xFFFF // stays below the limit
		if _, err := device.Seal(buffer, ApplicationData, message, true); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	device, server := testPair(b, AES256GCMSHA384, testID(b, "4711"))
	sealed, err := device.Seal(nil, ApplicationData, make([]byte, benchSize), true)
	if err != nil {
		b.Fatal(err)
	}
	datagram := make([]byte, len(sealed))
	b.ReportAllocs()
	for b.Loop() {
		copy(datagram, sealed)
		server.receive[0].window.next = 0 // the same record is new again
		if _, _, err := server.Open(datagram); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNewConn(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		testPair(b, AES256GCMSHA384, ConnectionID{})
	}
}
