package main

import (
	"encoding/hex"
	"strings"
	"testing"
)

func capture(t *testing.T, digits string) captured {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return captured{bytes: b}
}

func TestDescribe(t *testing.T) {
	const hs = "b2 6873" // Uri-Path
	tests := []struct {
		datagram string
		want     string
		part     part
	}{
		{"40 02 0001 " + hs + " d1 03 1e ff 00", "POST /hs, block 1 of m1", ofM1},  // Block1 1/1/1024
		{"40 02 0001 " + hs + " c1 26", "POST /hs, asks for block 2 of m2", other}, // Block2 2/0/1024
		{"60 5f 0001 d1 0e 0e", "2.31, has block 0 of m1", other},                  // Block1 0/1/1024
		{"60 44 0001 d1 0a 1e 41 26 ff 00", "2.04, block 1 of m2", ofM2},           // Block2, Block1
		{"60 00 0001", "ACK, the answer is to follow", other},
		{"60 81 0001", "4.01, wants the address proven", other},
		{"60 84 0001", "4.04", other},
		{"40 02 00", "not CoAP", other},
		{"30 00", "record: the request, confirms", other},
	}
	for _, tt := range tests {
		if what, p := capture(t, tt.datagram).describe(); !strings.HasPrefix(what, tt.want) || p != tt.part {
			t.Errorf("%s: %q, part %d; want %q, %d", tt.datagram, what, p, tt.want, tt.part)
		}
	}
	answer := capture(t, "23 00")
	answer.fromServer = true
	if what, _ := answer.describe(); what != "record: the answer" {
		t.Errorf("record of the server: %q", what)
	}
}

func TestOverhead(t *testing.T) {
	const rest = "000102030405060708090a0b0c0d0e0f1011121314151617"
	tests := []struct {
		datagram string
		want     int // 0: not one record
	}{
		{"23" + rest, 19},          // no ID, short number
		{"2b" + rest, 20},          // long number
		{"33 05" + rest, 20},       // ID of 1 byte
		{"3b 4001" + rest, 22},     // ID of 2, long number
		{"3b 80010203" + rest, 24}, // ID of 4
		{"27" + rest, 0},           // another record may follow
		{"40 00 0001", 0},
	}
	for _, tt := range tests {
		got, ok := capture(t, tt.datagram).overhead()
		if got != tt.want || ok != (tt.want > 0) {
			t.Errorf("%s: %d, %v; want %d", tt.datagram, got, ok, tt.want)
		}
	}
	if _, _, ok := oneRecord([]captured{capture(t, "40 00 0001"), capture(t, "27"+rest)}, false); ok {
		t.Error("a record was found where there is none")
	}
}
