package server

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/admission"
	"github.com/pqcoap/pqcoap/internal/session"
)

// A Client is a device as the server's policy knows it: its name, and the public key or PSK
// that its credential stands for.
type Client = session.Client

// An Authorizer decides about the credential that a device has named. It is called by many
// goroutines, and again when a device resumes, when saved sessions are loaded, and by
// [Server.Recheck]. An error that is a *handshake.Refusal is told to the device, any other error
// only that its credential is not accepted.
type Authorizer = session.Authorizer

// Limits are how long a device may resume sessions: see [handshake.Limits].
type Limits = handshake.Limits

// Admission bounds what a server takes on: handshakes, answers and requests, in all, for each
// address prefix and for each device. A server that is asked for more says when to come again.
type Admission = admission.Config

// DefaultAdmission is that of a Config without one.
var DefaultAdmission = admission.Default

// An Update says when sessions replace their keys before they have to.
type Update = session.Update

// Secrets are a server's random keys that outlive a restart.
type Secrets struct {
	handshake.Unprintable
	Echo  [32]byte // of Echo values good for 24 h
	Reset [32]byte // of reset tokens
}

// A Config is what a Server needs. Keys, Authorize and Handler have no default.
type Config struct {
	Keys      []*handshake.PrivateKey // one a suite
	Authorize Authorizer
	Secrets   Secrets
	Handler   coap.Handler // perhaps a coap.Streamer
	Log       *slog.Logger // nil: none

	// Era counts the starts of servers with these Secrets: without it, no device can be told that
	// its session was lost in a restart. That of a folder is counted in the folder.
	Era     uint32
	Tickets *handshake.TicketKeys // nil: sessions cannot be resumed; see SetTickets
	Limits  Limits                // of resumption; zero: 30 days, 16 times and 7 days without a KEM key
	Update  Update
	// Sessions is what [Server.Suspend] has returned, to go on with. It must not be used twice, also
	// not after a crash. The server clears it.
	Sessions handshake.Secret

	AlwaysEcho    bool          // demand a proven address always, not only under load
	MaxUDPPayload int           // bytes; 0: 1232
	MaxBody       int           // largest body held, bytes; 0: 1 MiB
	Forward       bool          // for a proxy: Handler gets more, see coap.Config
	MaxHalfOpen   int           // 0: 4096
	MaxSessions   int           // 0: 1048576
	IdleTimeout   time.Duration // 0: 48 h
	Workers       int           // for public-key operations; 0: one a core
	MaxHandlers   int           // at work at once; 0: 1024
	Shards        int           // of ListenAndServe; 0: one a core
	Admission     Admission     // zero: DefaultAdmission

	dir *Dir // whose files are kept while the server runs; nil: none
}

// A PacketConn is what a Server needs of a UDP socket; *net.UDPConn is one.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	SetReadDeadline(t time.Time) error
	Close() error
}
