package record

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"testing"
)

var benchSizes = []int{16, 64, 256, 1024}

// eachSize runs a benchmark for both ciphers, with contents of several sizes.
func eachSize(b *testing.B, run func(b *testing.B, suite CipherSuite, size int)) {
	for _, suite := range []CipherSuite{AES128GCMSHA256, AES256GCMSHA384} {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("%v/%d", suite, size), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(size))
				run(b, suite, size)
			})
		}
	}
}

// bareCipher is what no record layer can do without: one AES-GCM operation and one AES block.
func bareCipher(suite CipherSuite) (cipher.Block, cipher.AEAD) {
	_, size, err := suite.algorithms()
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(make([]byte, size))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return block, aead
}

// BenchmarkBareSeal is the yardstick of BenchmarkSeal.
func BenchmarkBareSeal(b *testing.B) {
	eachSize(b, func(b *testing.B, suite CipherSuite, size int) {
		block, aead := bareCipher(suite)
		buffer, nonce, mask, header := make([]byte, size+1+tagSize), make([]byte, ivSize), make([]byte, maskSize), make([]byte, 3)
		for b.Loop() {
			aead.Seal(buffer[:0], nonce, buffer[:size+1], header)
			block.Encrypt(mask, buffer[:maskSize])
		}
	})
}

// BenchmarkBareOpen is the yardstick of BenchmarkOpen.
func BenchmarkBareOpen(b *testing.B) {
	eachSize(b, func(b *testing.B, suite CipherSuite, size int) {
		block, aead := bareCipher(suite)
		buffer, nonce, mask, header := make([]byte, size+1+tagSize), make([]byte, ivSize), make([]byte, maskSize), make([]byte, 3)
		sealed := aead.Seal(nil, nonce, make([]byte, size+1), header)
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
	eachSize(b, func(b *testing.B, suite CipherSuite, size int) {
		device, _ := testPair(b, suite, testID(b, "4711"))
		buffer, message := make([]byte, 0, size+64), make([]byte, size)
		for b.Loop() {
			device.send.next &= 0xFFFF // stays below the limit
			if _, err := device.Seal(buffer, ApplicationData, message, true); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	eachSize(b, func(b *testing.B, suite CipherSuite, size int) {
		device, server := testPair(b, suite, testID(b, "4711"))
		sealed, err := device.Seal(nil, ApplicationData, make([]byte, size), true)
		if err != nil {
			b.Fatal(err)
		}
		datagram := make([]byte, len(sealed))
		for b.Loop() {
			copy(datagram, sealed)
			server.receive[0].window.next = 0 // the same record is new again
			if _, _, err := server.Open(datagram); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkNewConn(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		testPair(b, AES256GCMSHA384, ConnectionID{})
	}
}
