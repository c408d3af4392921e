package registry

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/BurntSushi/toml"
)

// encoding is that of identifiers and keys: base64url without padding, one spelling each.
var encoding = base64.RawURLEncoding.Strict()

const header = `# Devices enrolled with this server. It holds pre-shared keys: keep it private.
# pqcoap-server enroll adds to it; a running server sees a change within a second.
`

// load reads the file. The stamp is taken of the file that was opened, so that a file put
// in its place meanwhile is seen later.
func load(path string) (*table, error) {
	t := newTable()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer f.Close()
	if t.stamp, err = f.Stat(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if err := private(t.stamp); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	defer clear(b)
	if err := t.parse(b); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFile, path, err)
	}
	return t, nil
}

// private refuses a file that others may read. Windows has no such bits.
func private(info os.FileInfo) error {
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("mode %04o lets others read pre-shared keys, want 0600 (chmod 600)", mode)
	}
	return nil
}

// parse reads the TOML text. The parser's own errors may quote a key, so only their
// place is kept.
func (t *table) parse(b []byte) error {
	var doc map[string]any
	if err := toml.Unmarshal(b, &doc); err != nil {
		var where toml.ParseError
		if errors.As(err, &where) {
			return fmt.Errorf("line %d is not TOML", where.Position.Line)
		}
		return errors.New("not TOML")
	}
	if err := onlyKnown(doc, []string{"device"}); err != nil {
		return err
	}
	entries, ok := doc["device"].([]map[string]any)
	if !ok && doc["device"] != nil {
		return errors.New("key device: each device is a table that begins with [[device]]")
	}
	for i, e := range entries {
		d, err := parseEntry(e)
		if err != nil {
			return fmt.Errorf("device %d%s: %w", i+1, called(e), err)
		}
		if err := t.index(d); err != nil {
			return fmt.Errorf("device %d: %w", i+1, err)
		}
		t.devices = append(t.devices, d)
	}
	return nil
}

// called gives the name in an entry, if it is one.
func called(e map[string]any) string {
	if name, _ := e["name"].(string); validName(name) {
		return " (" + name + ")"
	}
	return ""
}

// marshal writes the file. Names and base64url need no escapes.
func (t *table) marshal() []byte {
	b := bytes.NewBufferString(header)
	for _, d := range t.devices {
		c := d.Credential()
		fmt.Fprintf(b, "\n[[device]]\nname = \"%s\"\nmode = \"%s\"\nsuite = %d\nid = \"%s\"\n",
			d.Name, modeText(c.Mode), uint8(d.Suite), encoding.EncodeToString(c.ID[:]))
		if d.PSK != nil {
			fmt.Fprintf(b, "psk = \"%s\"\n", encoding.EncodeToString(d.PSK.Key[:]))
		} else {
			fmt.Fprintf(b, "public_key = \"%s\"\n", encoding.EncodeToString(d.PublicKey.Bytes()))
		}
		fmt.Fprintf(b, "enrolled = %s\n", d.Enrolled.UTC().Format(time.RFC3339))
	}
	return b.Bytes()
}

// replace puts a new file in place of the old one. The caller holds the lock, so the new
// file's name is free but for what a killed program left.
func (r *Registry) replace(t *table) (os.FileInfo, error) {
	name := r.path(newName)
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	b := t.marshal()
	defer clear(b)
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(name, r.path(fileName))
	}
	if err != nil {
		os.Remove(name)
		return nil, err
	}
	if err := syncFolder(r.dir); err != nil {
		return nil, err
	}
	return os.Stat(r.path(fileName))
}

// syncFolder makes the new name durable. Windows cannot, and does not need to be asked.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
