package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"runtime"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/config"
)

// ErrConfig is wrapped by every error about a configuration file.
var ErrConfig = errors.New("configuration")

var errBase64 = errors.New("want base64url without padding")

// A Config says whom a device trusts and who it is.
type Config struct {
	Name   string // the device's own, for logs; the server has its own records
	Server string // host, host:port or coap+pq://host:port

	// The server is known by one of these four.
	Trust       *handshake.ServerCredential // its key pinned whole
	Fingerprint [32]byte                    // SHA-256 of its credential, which is fetched
	Authority   *cwt.AuthorityKey           // who signs its credential, which is fetched
	FirstUse    bool                        // the key it has when it is first met, kept with the state, which has to be there

	Suite      handshake.Suite
	Issuer     string // with Authority: the name it signs under
	ServerName string // with Authority: the server's, in its credential
	// NoClock says that the time of the system is not to be gone by when credentials are judged. See
	// [Conn.NoteTime].
	NoClock bool

	Key        *handshake.PrivateKey // the device's KEM key (mode kem), or
	PSK        *handshake.PSK        // the pre-shared key (mode psk); both nil: anonymous
	Credential []byte                // with Authority: what it has signed of Key. It is renewed; nil: none

	MaxUDPPayload int           // largest UDP payload, bytes; 0: 1232
	MaxBody       int           // largest body held, bytes; 0: 1 MiB
	IdleTimeout   time.Duration // after which the server may forget the session; 0: the server's
	Handler       coap.Handler  // of what the server asks the device, perhaps a coap.Streamer; nil: it has nothing
	Forward       bool          // for a proxy: see coap.Config
	Log           *slog.Logger  // nil: none
	Memory        *Memory       // shared by connections to speed up later handshakes; may be nil

	// State is the path of a file for what outlives the program: the ticket that the next session
	// begins with, and the session where the device went to sleep. It is sealed under the device's
	// own key. A file that cannot be used costs a handshake and is logged; a copy that is put back
	// is refused, unless the file beside it, named .used, is put back with it. What the device has
	// learnt of its server, such as a new key, is in a third file, named .known. Empty: no file.
	State string
	// Rekey is when the keys of a session are replaced by others, made of them.
	Rekey Rekey
	// FreshAfter is the age at which the secrets of a handshake are replaced by those of another,
	// which is made beside the session while that goes on. 0: 7 days; negative: never.
	FreshAfter time.Duration
	// KeepAlive is after how long without a datagram sent the server is asked for a sign of life,
	// so that a NAT on the way remembers the device and the server can reach it. A session without
	// one for 20 s is followed by another. 0: never, as suits a device that sleeps.
	KeepAlive time.Duration
	// Spread is over how long devices come back whose sessions the server has lost: each waits for
	// a random part of it, its requests too. 0: 10 s; negative: not at all.
	Spread time.Duration
}

// Rekey says when the keys of a session are replaced. The zero value does so at the limits of the
// cipher only.
type Rekey struct {
	Age     time.Duration // of a key in use; 0: any
	Records uint64        // sealed by a key; 0: any number
}

// file is the TOML form of a Config. Each field is a row of config.Device, which has its range.
type file struct {
	Name          string `toml:"name"`
	Server        string `toml:"server"`
	ServerKey     string `toml:"server_key,omitempty"`
	Fingerprint   string `toml:"fingerprint,omitempty"`
	Authority     string `toml:"authority,omitempty"`
	Issuer        string `toml:"issuer,omitempty"`
	ServerName    string `toml:"server_name,omitempty"`
	Trust         string `toml:"trust,omitempty"`
	Clock         string `toml:"clock,omitempty"`
	Suite         uint8  `toml:"suite"`
	Key           string `toml:"key,omitempty"`
	Credential    string `toml:"credential,omitempty"`
	MaxUDPPayload int    `toml:"max_udp_payload,omitzero"`
	IdleTimeout   int64  `toml:"idle_timeout,omitzero"`
	State         string `toml:"state,omitempty"`
	RekeyAge      int64  `toml:"rekey_age,omitzero"`
	RekeyRecords  int64  `toml:"rekey_records,omitzero"`
	FreshAfter    *int64 `toml:"fresh_after,omitempty"`
	KeepAlive     int64  `toml:"keep_alive,omitzero"`
	Spread        *int64 `toml:"spread,omitempty"`
}

// maxConfigFile bounds what is read; the largest key object is far smaller.
const maxConfigFile = 64 << 10

// LoadConfig reads a device's configuration file. The file holds a private key: one that
// others may read is refused. A state file is named from the folder of the file.
func LoadConfig(path string) (Config, error) { return LoadConfigSealed(path, nil) }

// LoadConfigSealed is LoadConfig, and asks for the passphrase if the key is sealed.
func LoadConfigSealed(path string, ask Passphrase) (Config, error) {
	b, err := readConfig(path)
	if err != nil {
		return Config{}, err
	}
	defer clear(b)
	cfg, err := parseConfig(b, ask)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	if cfg.State != "" && !filepath.IsAbs(cfg.State) {
		cfg.State = filepath.Join(filepath.Dir(path), cfg.State)
	}
	return cfg, nil
}

// private refuses a file with a key in it that others may read.
func private(path string, info fs.FileInfo) error {
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%w: %s holds a private key and has mode %04o, which lets others read it: run chmod 600 %s",
			ErrConfig, path, info.Mode().Perm(), path)
	}
	return nil
}

// ParseConfig reads the TOML of a configuration file whose key is not sealed.
func ParseConfig(b []byte) (Config, error) { return parseConfig(b, nil) }

func parseConfig(b []byte, ask Passphrase) (Config, error) {
	var f file
	lines, err := config.Device.Decode(b, &f)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	cfg, err := f.config(lines, ask)
	if err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return cfg, nil
}

func (f *file) config(lines config.Lines, ask Passphrase) (Config, error) {
	cfg := Config{
		Name: f.Name, Server: f.Server, Suite: handshake.Suite(f.Suite),
		MaxUDPPayload: f.MaxUDPPayload,
	}
	if f.Suite == 0 {
		return cfg, lines.Problem("suite", "suite is missing: want 1, 2, 3 or 4")
	}
	f.lasting(&cfg)
	var found config.Problems
	found.Add(f.trust(&cfg, lines))
	if err := f.identity(&cfg, ask); err != nil {
		found.Add(lines.Problem("key", "key: %w", err))
	}
	if err := found.Err(); err != nil {
		return cfg, err
	}
	return cfg, cfg.check()
}

// identity reads the device's own key, of either kind.
func (f *file) identity(cfg *Config, ask Passphrase) error {
	b, err := f.unseal(ask)
	if b == nil || err != nil {
		return err
	}
	defer clear(b)
	if psk, err := handshake.ParsePSK(b); err == nil {
		cfg.PSK = psk
		return nil
	}
	if cfg.Key, err = handshake.ParsePrivateKey(b); err != nil {
		return err
	}
	if cfg.Key.Suite() != cfg.Suite {
		return fmt.Errorf("a key of suite %d, but suite = %d", cfg.Key.Suite(), cfg.Suite)
	}
	return nil
}

// AppendConfig appends the TOML form of a configuration, which ParseConfig reads.
func AppendConfig(b []byte, cfg Config) ([]byte, error) {
	f := file{
		Name: cfg.Name, Server: cfg.Server, Suite: uint8(cfg.Suite),
		MaxUDPPayload: cfg.MaxUDPPayload,
	}
	f.setLasting(&cfg)
	f.setTrust(&cfg)
	f.Credential = encoding.EncodeToString(cfg.Credential)
	switch {
	case cfg.Key != nil:
		f.Key = encoding.EncodeToString(cfg.Key.Append(nil))
	case cfg.PSK != nil:
		f.Key = encoding.EncodeToString(cfg.PSK.Append(nil))
	}
	buf := bytes.NewBuffer(b)
	fmt.Fprintln(buf, "# A pqcoap device. This file holds its private key: keep it 0600 and do not copy it.")
	if err := toml.NewEncoder(buf).Encode(f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return buf.Bytes(), nil
}
