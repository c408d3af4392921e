package record

import (
	"errors"
	"fmt"
	"io"
)

// A Config describes one session as a handshake leaves it.
type Config struct {
	Suite CipherSuite
	// Traffic secrets of epoch 3, as long as the hash of the suite.
	SendSecret, ReceiveSecret []byte
	// SendID is put into every record sent, ReceiveID is expected in every
	// record received. The zero value is none.
	SendID, ReceiveID ConnectionID
}

// String names the secrets by fingerprint only.
func (c Config) String() string {
	return fmt.Sprintf("record.Config{%v, send %s, receive %s, send ID %v, receive ID %v}", c.Suite,
		fingerprint(c.SendSecret), fingerprint(c.ReceiveSecret), c.SendID, c.ReceiveID)
}

// Format writes String whatever the verb is, so that no secret is printed.
func (c Config) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// MarshalText returns String, for encoders such as JSON.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// MarshalBinary fails: gob and CBOR must not carry a secret by accident.
func (c Config) MarshalBinary() ([]byte, error) { return nil, errSecret }

var errSecret = errors.New("record: secrets are not encoded this way")
