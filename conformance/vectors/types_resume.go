package vectors

import "github.com/pqcoap/pqcoap/conformance/reference"

// ResumingDevice is what a device has, and the randomness it uses, in that order.
type ResumingDevice struct {
	SeedC      Hex                  `json:"sk_c_seed,omitempty"` // mode 1
	PSKID      Hex                  `json:"psk_id,omitempty"`    // mode 2
	PSK        Hex                  `json:"psk,omitempty"`       // mode 2
	State      Hex                  `json:"state"`               // the object of section 3
	Parameters reference.Parameters `json:"parameters"`
	NonceC     Hex                  `json:"nonce_c"`
	SeedE      Hex                  `json:"sk_e_seed,omitempty"` // absent: the small form
}

// ResumingServer is what a server has, and the randomness it uses, in that order.
type ResumingServer struct {
	Seed         Hex                  `json:"sk_s_seed"`
	TicketKeys   Hex                  `json:"ticket_keys"` // the object of section 3
	Now          int64                `json:"now"`         // s since 1970
	Limits       Limits               `json:"limits"`
	ConnectionID Hex                  `json:"cid_s,omitempty"`
	ResetToken   Hex                  `json:"reset_token,omitempty"`
	Parameters   reference.Parameters `json:"parameters"`
	NonceS       Hex                  `json:"nonce_s,omitempty"`
	RandomE      Hex                  `json:"encapsulation_e,omitempty"`
}

// Limits are those of section 16.4.
type Limits struct {
	Small    uint8 `json:"small"`
	SmallAge int64 `json:"small_age"` // s
}

// A Resumption has all values of a resumption.
type Resumption struct {
	Header
	Suite       byte                  `json:"suite"`
	Mode        reference.Mode        `json:"mode"`
	Device      ResumingDevice        `json:"device"`
	Server      ResumingServer        `json:"server"`
	PkC         Hex                   `json:"pk_c,omitempty"`
	Contents    reference.Contents    `json:"contents"` // of the ticket
	TicketNonce Hex                   `json:"ticket_nonce"`
	Trace       reference.ResumeTrace `json:"trace"`
	NewTicket   NewTicket             `json:"new_ticket"`
}

// A NewTicket is the ticket that the session gets, and the message that brings it.
type NewTicket struct {
	Lifetime uint64             `json:"lifetime"` // limits: s from the full handshake
	Nonce    Hex                `json:"nonce"`
	Contents reference.Contents `json:"contents"`
	Message  Hex                `json:"message"`
}

// An M1R is one m1r at a server. What it holds is given where it opens.
type M1R struct {
	Header
	Suite       byte                  `json:"suite"`
	Server      ResumingServer        `json:"server"`
	M1R         Hex                   `json:"m1r"`
	K1R         Hex                   `json:"k1r,omitempty"`          // where sealed_1r opens
	Plaintext1R Hex                   `json:"plaintext_1r,omitempty"` // where sealed_1r opens
	Mode        reference.Mode        `json:"mode,omitempty"`
	ID          Hex                   `json:"id,omitempty"`
	Parameters  *reference.Parameters `json:"parameters,omitempty"`
	Refusal     uint64                `json:"refusal_code,omitempty"` // where it is refused
}

// An M2R is one answer at a device that has sent m1r.
type M2R struct {
	Header
	Suite       byte           `json:"suite"`
	Mode        reference.Mode `json:"mode"`
	Device      ResumingDevice `json:"device"`
	M1R         Hex            `json:"m1r"`
	Answer      Hex            `json:"answer"`
	K2R         Hex            `json:"k2r,omitempty"`          // where sealed_2r opens
	Plaintext2R Hex            `json:"plaintext_2r,omitempty"` // where sealed_2r opens
	Session     *Session       `json:"session,omitempty"`      // where it is accepted
	Refusal     *RefusalText   `json:"refusal,omitempty"`      // where it is a refusal that opens
}
