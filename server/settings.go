package server

import (
	"errors"
	"fmt"
	"os"

	"github.com/BurntSushi/toml"

	"github.com/pqcoap/pqcoap/server/upstream"
)

// Values of Settings.Echo.
const (
	EchoAuto   = "auto"   // demand a proven address under load
	EchoAlways = "always" // demand it of every handshake
)

// Settings is what server.toml says.
type Settings struct {
	Listen        string `toml:"listen"`          // UDP address
	Echo          string `toml:"echo"`            // EchoAuto or EchoAlways
	Anonymous     bool   `toml:"anonymous"`       // devices without a credential
	MaxUDPPayload int    `toml:"max_udp_payload"` // bytes
	IdleTimeout   int    `toml:"idle_timeout"`    // s

	Routes []upstream.Route `toml:"route"` // where requests go that the server does not answer itself
}

// defaultSettings is the file that InitDir writes.
const defaultSettings = `# A pqcoap server. Lines that start with # are comments; what they show is the default.

# UDP address to listen on. Without a host: all addresses of the machine.
listen = ":5688"

# Whether a device has to prove its address before the server works for it: "auto" (under
# load only; one round trip less) or "always".
echo = "auto"

# Whether devices without a credential get in. They have no name, and the built-in
# application gives them no telemetry.
anonymous = false

# Largest UDP payload sent and expected, in bytes.
# max_udp_payload = 1232

# Seconds without a record after which a session is forgotten.
# idle_timeout = 172800

# Requests for a path and what is below it can go to a plain CoAP server, or to the built-in
# application; the longest path decides. The upstream learns the device's authenticated name
# by a query parameter ("query:NAME") or an option ("option:NUMBER"). One that is not on
# loopback needs unencrypted = true: what goes there is not encrypted.
# [[route]]
# path = "/"
# upstream = "coap://127.0.0.1:5683"
# identity = "query:device"
#
# [[route]]
# path = "/telemetry"
# upstream = "builtin"
`

const (
	minUDPPayload = 80 // an IPv6 packet of 128 bytes
	maxUDPPayload = 65527
	maxIdle       = 1<<31 - 1
)

// loadSettings reads server.toml.
func loadSettings(path string) (Settings, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Settings{}, fmt.Errorf("%w: %w", ErrDir, err)
	}
	s, err := ParseSettings(b)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// ParseSettings reads the TOML of server.toml.
func ParseSettings(b []byte) (Settings, error) {
	s := Settings{Listen: ":5688", Echo: EchoAuto, MaxUDPPayload: 1232, IdleTimeout: 172800}
	meta, err := toml.Decode(string(b), &s)
	if err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return s, fmt.Errorf("%w: line %d: not TOML, or a value of the wrong type", ErrDir, at.Position.Line)
		}
		return s, fmt.Errorf("%w: a value has the wrong type: want text in quotes, true or false, or a whole number", ErrDir)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return s, fmt.Errorf("%w: unknown key %q: the keys are listen, echo, anonymous, max_udp_payload, idle_timeout, and [[route]] with path, upstream, identity, unencrypted", ErrDir, unknown[0].String())
	}
	return s, s.check()
}

func (s *Settings) check() error {
	switch {
	case s.Listen == "":
		return fmt.Errorf("%w: listen: want an address such as \":5688\"", ErrDir)
	case s.Echo != EchoAuto && s.Echo != EchoAlways:
		return fmt.Errorf("%w: echo: want \"auto\" or \"always\"", ErrDir)
	case s.MaxUDPPayload < minUDPPayload || s.MaxUDPPayload > maxUDPPayload:
		return fmt.Errorf("%w: max_udp_payload: want %d to %d", ErrDir, minUDPPayload, maxUDPPayload)
	case s.IdleTimeout < 1 || s.IdleTimeout > maxIdle:
		return fmt.Errorf("%w: idle_timeout: want seconds, 1 to %d", ErrDir, maxIdle)
	}
	return nil
}
