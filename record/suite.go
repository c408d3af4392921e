package record

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
)

// A CipherSuite is a TLS 1.3 cipher suite (RFC 8446 appendix B.4).
type CipherSuite uint16

// The cipher suites records are protected with.
const (
	AES128GCMSHA256 CipherSuite = 0x1301
	AES256GCMSHA384 CipherSuite = 0x1302
)

// String returns the name that RFC 8446 gives the suite.
func (s CipherSuite) String() string {
	switch s {
	case AES128GCMSHA256:
		return "TLS_AES_128_GCM_SHA256"
	case AES256GCMSHA384:
		return "TLS_AES_256_GCM_SHA384"
	}
	return fmt.Sprintf("CipherSuite(%#04x)", uint16(s))
}

// algorithms returns the hash and the size of the AES keys.
func (s CipherSuite) algorithms() (h func() hash.Hash, keySize int, err error) {
	switch s {
	case AES128GCMSHA256:
		return sha256.New, 16, nil
	case AES256GCMSHA384:
		return sha512.New384, 32, nil
	}
	return nil, 0, fmt.Errorf("%w: cipher suite", ErrConfig)
}

// A ContentType says what a record carries (RFC 9147 section 4.1, RFC 9853).
type ContentType uint8

// The content types of protected records.
const (
	Alert             ContentType = 21
	Handshake         ContentType = 22
	ApplicationData   ContentType = 23
	ACK               ContentType = 26
	ReturnRoutability ContentType = 27
)

// String returns the name of the content type.
func (t ContentType) String() string {
	switch t {
	case Alert:
		return "alert"
	case Handshake:
		return "handshake"
	case ApplicationData:
		return "application_data"
	case ACK:
		return "ack"
	case ReturnRoutability:
		return "return_routability_check"
	}
	return fmt.Sprintf("ContentType(%d)", uint8(t))
}

func (t ContentType) valid() bool {
	switch t {
	case Alert, Handshake, ApplicationData, ACK, ReturnRoutability:
		return true
	}
	return false
}
