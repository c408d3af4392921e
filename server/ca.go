package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/server/authority"
)

// ErrCA is wrapped by errors about the authorities of a folder.
var ErrCA = fmt.Errorf("%w: authority", ErrDir)

// The files of authorities in a folder, which need not be a server's: an authority may be kept off
// line.
const (
	caKeyFile   = "authority.key" // of the folder's own, private
	caFile      = "authority.pub" // the same, public
	caFolder    = "authorities"   // others that are trusted, by the ID of their key
	caExtension = ".pub"
)

// A CA is what a folder has of authorities.
type CA struct {
	handshake.Unprintable
	Own     *authority.Trust  // the folder's own; nil: none
	Issuer  *authority.Issuer // the same, where its private key is there
	Trusted *authority.Set    // all that are trusted, the own one first
}

// InitCA makes an authority of a folder's own. Who has its private key, authority.key, can be any
// device and any server to those who trust it. It is sealed under a passphrase, if there is one: that
// of the folder's other keys, where there are any.
func InitCA(path string, alg cwt.Algorithm, issuer string, passphrase []byte) (*CA, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCA, err)
	}
	if err := checkPassphrase(path, passphrase); err != nil {
		return nil, err
	}
	key, err := cwt.GenerateAuthority(rand.Reader, alg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCA, err)
	}
	one, err := authority.NewIssuer(key, issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: a name has 1 to 64 letters, digits, \"-\", \"_\", \".\" and \":\"", ErrCA)
	}
	// The public half first: a key without its name is of no use.
	err = createFile(filepath.Join(path, caFile), one.Trust().Append(nil))
	if err == nil {
		err = writeKey(filepath.Join(path, caKeyFile), key, passphrase, createFile)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w: %s: there is one already, which devices may trust", ErrCA, path)
	}
	if err != nil {
		return nil, err
	}
	return &CA{Own: one.Trust(), Issuer: one, Trusted: authority.NewSet(one.Trust())}, nil
}

// OpenCA reads what a folder has of authorities, which may be nothing, and asks for the passphrase if
// the private key is sealed.
func OpenCA(path string, ask Passphrase) (*CA, error) {
	o := &opener{ask: ask}
	defer o.wipe()
	return loadCA(path, o)
}

func loadCA(path string, o *opener) (*CA, error) {
	c := &CA{}
	own, err := loadTrust(filepath.Join(path, caFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		c.Own = own
	}
	if err := c.loadIssuer(filepath.Join(path, caKeyFile), o); err != nil {
		return nil, err
	}
	trusts, err := loadTrusts(filepath.Join(path, caFolder))
	if err != nil {
		return nil, err
	}
	if c.Own != nil {
		trusts = append([]*authority.Trust{c.Own}, trusts...)
	}
	c.Trusted = authority.NewSet(trusts...)
	return c, nil
}

// loadIssuer reads the private key, where there is one.
func (c *CA) loadIssuer(name string, o *opener) error {
	b, err := o.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer clear(b)
	key, err := cwt.ParseAuthority(b)
	if err != nil || c.Own == nil || key.Public().ID() != c.Own.Key.ID() {
		return fmt.Errorf("%w: %s: not the private half of %s", ErrCA, name, caFile)
	}
	c.Issuer, err = authority.NewIssuer(key, c.Own.Issuer)
	return err
}

func loadTrust(name string) (*authority.Trust, error) {
	b, err := readBounded(name, authority.MaxTrust)
	if err != nil {
		return nil, err
	}
	t, err := authority.ParseTrust(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCA, name, err)
	}
	return t, nil
}

// loadTrusts reads a folder of them, which need not be there.
func loadTrusts(folder string) (list []*authority.Trust, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCA, err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), caExtension) {
			continue
		}
		t, err := loadTrust(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// readBounded reads a file that is no secret.
func readBounded(name string, max int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	if info.Size() > max {
		return nil, fmt.Errorf("%w: %s: larger than %d bytes", ErrDir, name, max)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDir, err)
	}
	return b, nil
}

// TrustAuthority has the folder trust another authority: devices that it vouches for are let in. A
// server that runs knows it within a second.
func TrustAuthority(path string, t *authority.Trust) error {
	folder := filepath.Join(path, caFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("%w: %w", ErrCA, err)
	}
	return replaceFile(trustFile(path, t.Key.ID()), t.Append(nil))
}

// DistrustAuthority ends that, by the ID of the key: devices that this authority alone has vouched
// for are not let in with its credentials any more. The folder's own cannot be taken back so.
func DistrustAuthority(path string, id [8]byte) error {
	err := removeFile(trustFile(path, id))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %x is not one of %s", ErrCA, id, filepath.Join(path, caFolder))
	}
	return err
}

func trustFile(path string, id [8]byte) string {
	return filepath.Join(path, caFolder, hex.EncodeToString(id[:])+caExtension)
}

// Issue makes a credential. ErrCA where the private key of the authority is not in the folder.
func (c *CA) Issue(now time.Time, usage cwt.Usage, subject string, key *handshake.PublicKey, lifetime time.Duration) ([]byte, *cwt.Claims, error) {
	if c.Issuer == nil {
		return nil, nil, fmt.Errorf("%w: its private key, %s, is not here", ErrCA, caKeyFile)
	}
	return c.Issuer.Issue(rand.Reader, now, usage, subject, key, lifetime)
}
