package vectors

import "github.com/pqcoap/pqcoap/conformance/reference"

// A DeviceSide is what a device has, and the randomness it uses, in that order.
type DeviceSide struct {
	SeedC      Hex                  `json:"sk_c_seed,omitempty"` // mode 1
	Token      Hex                  `json:"token,omitempty"`     // mode 1: shown in place of the reference
	PSKID      Hex                  `json:"psk_id,omitempty"`    // mode 2
	PSK        Hex                  `json:"psk,omitempty"`       // mode 2
	Parameters reference.Parameters `json:"parameters"`
	SeedE      Hex                  `json:"sk_e_seed"`
	RandomS    Hex                  `json:"encapsulation_s"`
}

// A ServerSide is what a server has, and the randomness it uses, in that order.
type ServerSide struct {
	Seed         Hex                  `json:"sk_s_seed"`
	ConnectionID Hex                  `json:"cid_s"`
	ResetToken   Hex                  `json:"reset_token"`
	Parameters   reference.Parameters `json:"parameters"`
	RandomE      Hex                  `json:"encapsulation_e"`
	RandomC      Hex                  `json:"encapsulation_c,omitempty"` // mode 1
}

// A Handshake has all values of a handshake, and the first record each way.
type Handshake struct {
	Header
	Suite        byte            `json:"suite"`
	Mode         reference.Mode  `json:"mode"`
	Device       DeviceSide      `json:"device"`
	Server       ServerSide      `json:"server"`
	Authority    Hex             `json:"authority,omitempty"` // where cred_S is a token
	CredS        Hex             `json:"cred_s"`
	Fingerprint  Hex             `json:"fingerprint"`
	KidS         Hex             `json:"kid_s"`
	PkC          Hex             `json:"pk_c,omitempty"`
	Reference    Hex             `json:"reference,omitempty"`
	Trace        reference.Trace `json:"trace"`
	DeviceRecord FirstRecord     `json:"device_record"`
	ServerRecord FirstRecord     `json:"server_record"`
}

// A FirstRecord is one of epoch 3 with the number 0.
type FirstRecord struct {
	Content Hex `json:"content"`
	Record  Hex `json:"record"`
}

// An M1 is one m1 at a server. What it holds is given where it is accepted.
type M1 struct {
	Header
	Suite      byte                  `json:"suite"`
	Seed       Hex                   `json:"sk_s_seed"`
	M1         Hex                   `json:"m1"`
	K1         Hex                   `json:"k1,omitempty"`          // where sealed_1 opens
	Plaintext1 Hex                   `json:"plaintext_1,omitempty"` // where sealed_1 opens
	Mode       reference.Mode        `json:"mode,omitempty"`
	ID         Hex                   `json:"id,omitempty"`
	Token      Hex                   `json:"token,omitempty"`
	Parameters *reference.Parameters `json:"parameters,omitempty"`
}

// An M2 is one answer at a device that has sent m1.
type M2 struct {
	Header
	Suite      byte           `json:"suite"`
	Mode       reference.Mode `json:"mode"`
	CredS      Hex            `json:"cred_s"`
	Device     DeviceSide     `json:"device"`
	M1         Hex            `json:"m1"`
	Answer     Hex            `json:"answer"`
	K2         Hex            `json:"k2,omitempty"`          // where sealed_2 opens
	Plaintext2 Hex            `json:"plaintext_2,omitempty"` // where sealed_2 opens
	Session    *Session       `json:"session,omitempty"`     // where it is accepted
	Refusal    *RefusalText   `json:"refusal,omitempty"`     // where it is a refusal that opens
}

// A Session is what an accepted m2 leads to.
type Session struct {
	ConnectionID Hex                  `json:"cid_s"`
	ResetToken   Hex                  `json:"reset_token"`
	Parameters   reference.Parameters `json:"parameters"`
	CAp          Hex                  `json:"c_ap"`
	SAp          Hex                  `json:"s_ap"`
	SessionID    Hex                  `json:"session_id"`
}

// A RefusalText is the meaning of plaintext_R.
type RefusalText struct {
	Code       uint64 `json:"code"`
	RetryAfter uint64 `json:"retry_after"`
	Text       string `json:"text"`
}

// A Refusal is a server's refusal of an m1, and what the device makes of it.
type Refusal struct {
	Header
	Suite      byte           `json:"suite"`
	Mode       reference.Mode `json:"mode"`
	CredS      Hex            `json:"cred_s"`
	Device     DeviceSide     `json:"device"`
	Seed       Hex            `json:"sk_s_seed"`
	NonceR     Hex            `json:"nonce_r"`
	Refusal    RefusalText    `json:"refusal"`
	M1         Hex            `json:"m1"`
	S1         Hex            `json:"s1"`
	Th1        Hex            `json:"th1"`
	KErr       Hex            `json:"k_err"`
	PlaintextR Hex            `json:"plaintext_r"`
	Answer     Hex            `json:"answer"`
}

// An Object is a CBOR object outside the handshake: "cred_S", "kem-key", "psk-key",
// "ticket-keys", "resumption" or "new-ticket".
type Object struct {
	Header
	Object      string `json:"object"`
	Bytes       Hex    `json:"bytes"`
	Suite       byte   `json:"suite,omitempty"`       // cred_S, kem-key
	Fingerprint Hex    `json:"fingerprint,omitempty"` // cred_S
	KidS        Hex    `json:"kid_s,omitempty"`       // cred_S
	CredS       Hex    `json:"cred_s,omitempty"`      // kem-key: of a server's
	Reference   Hex    `json:"reference,omitempty"`   // kem-key: of a device's
	ID          Hex    `json:"id,omitempty"`          // psk-key
	Key         Hex    `json:"key,omitempty"`         // psk-key

	TicketKeys []reference.TicketKey `json:"ticket_keys,omitempty"` // ticket-keys
	State      *reference.State      `json:"state,omitempty"`       // resumption
	Ticket     Hex                   `json:"ticket,omitempty"`      // new-ticket
	Lifetime   uint64                `json:"lifetime,omitempty"`    // new-ticket
	Small      uint64                `json:"small,omitempty"`       // new-ticket
}

// Keys are those of one direction of epoch 3.
type Keys struct {
	CipherSuite  uint16 `json:"cipher_suite"`
	Secret       Hex    `json:"secret"`
	ConnectionID Hex    `json:"connection_id"`
	Key          Hex    `json:"key"`
	IV           Hex    `json:"iv"`
	SN           Hex    `json:"sn"`
}

// A Receive is datagrams as they come to a receiver that has had none.
type Receive struct {
	Header
	Keys
	Datagrams []Datagram `json:"datagrams"`
}

// A Datagram has the results of its records in order; after a record without an end that
// can be told there are no more.
type Datagram struct {
	Bytes   Hex      `json:"bytes"`
	Records []Result `json:"records"`
}

// A Result is what a receiver makes of a record.
type Result struct {
	Result   Outcome `json:"result"`
	Type     byte    `json:"type,omitempty"`
	Content  Hex     `json:"content,omitempty"`
	Epoch    uint64  `json:"epoch,omitempty"`
	Sequence uint64  `json:"sequence"`
	Newest   bool    `json:"newest,omitempty"`
}

// A Send is records as a sender makes them that always takes the shortest header.
type Send struct {
	Header
	Keys
	Steps []SendStep `json:"steps"`
}

// A SendStep is one record.
type SendStep struct {
	Confirmed *uint64 `json:"confirmed,omitempty"` // before: this number is known to be received
	Type      byte    `json:"type"`
	Content   Hex     `json:"content"`
	Last      bool    `json:"last"` // no length: nothing follows in the datagram
	Record    Hex     `json:"record"`
}
