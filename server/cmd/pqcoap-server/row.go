package main

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/server/registry"
)

// A row is a device as files and people have it: a line of CSV, an object of JSON. Times are as in
// RFC 3339.
type row struct {
	Name      string   `json:"name"`
	State     string   `json:"state,omitempty"`
	Origin    string   `json:"origin,omitempty"`
	Suite     int      `json:"suite,omitempty"`
	ID        string   `json:"id,omitempty"`         // reference of the key or the PSK, in hexadecimal
	PublicKey string   `json:"public_key,omitempty"` // base64url
	PSK       string   `json:"psk,omitempty"`        // base64url
	Groups    []string `json:"groups,omitempty"`
	Allow     []string `json:"allow,omitempty"`
	Expires   string   `json:"expires,omitempty"`
	Enrolled  string   `json:"enrolled,omitempty"`
	FirstSeen string   `json:"first_seen,omitempty"`
	LastSeen  string   `json:"last_seen,omitempty"`
}

// columns are those of CSV, in their order.
var columns = []string{
	"name", "state", "origin", "suite", "id", "public_key", "psk", "groups", "allow",
	"expires", "enrolled", "first_seen", "last_seen",
}

var base64url = base64.RawURLEncoding.Strict()

// summary is the row of a device without its keys.
func summary(d *registry.Device) row {
	r := row{
		Name: d.Name, State: d.Status(), Origin: d.Origin.String(), Suite: int(d.Suite),
		Groups: d.Groups, Allow: d.Allow, Expires: timeText(d.Expires), Enrolled: timeText(d.Enrolled),
		FirstSeen: timeText(d.FirstSeen), LastSeen: timeText(d.LastSeen),
	}
	if c := d.Credential(); c.Mode != handshake.ModeNone {
		r.ID = hex.EncodeToString(c.ID[:])
	}
	return r
}

// withKeys is the row of a device with what it proves itself by; the PSK is a secret.
func withKeys(d *registry.Device, secrets bool) row {
	r := summary(d)
	if d.PublicKey != nil {
		r.PublicKey = base64url.EncodeToString(d.PublicKey.Bytes())
	}
	if d.PSK != nil && secrets {
		r.PSK = base64url.EncodeToString(d.PSK.Key[:])
	}
	return r
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// fields are the cells of a line of CSV. Groups are separated by spaces, rules by semicolons.
func (r *row) fields() []string {
	rules := make([]string, len(r.Allow))
	for i, rule := range r.Allow {
		rules[i] = strings.ReplaceAll(rule, ";", "%3B")
	}
	suite := ""
	if r.Suite != 0 {
		suite = strconv.Itoa(r.Suite)
	}
	return []string{
		r.Name, r.State, r.Origin, suite, r.ID, r.PublicKey, r.PSK, strings.Join(r.Groups, " "),
		strings.Join(rules, "; "), r.Expires, r.Enrolled, r.FirstSeen, r.LastSeen,
	}
}

// rowOf is the inverse of fields, for some columns in some order.
func rowOf(header, cells []string) (r row, err error) {
	for i, name := range header {
		text := strings.TrimSpace(cells[i])
		switch name {
		case "suite":
			if text != "" {
				if r.Suite, err = strconv.Atoi(text); err != nil {
					return r, errors.New("suite: want a number from 1 to 4")
				}
			}
		case "groups":
			r.Groups = strings.Fields(text)
		case "allow":
			for rule := range strings.SplitSeq(text, ";") {
				if rule = strings.TrimSpace(rule); rule != "" {
					r.Allow = append(r.Allow, rule)
				}
			}
		default:
			*r.text(name) = text
		}
	}
	return r, nil
}

// text is the field of a column that has a text.
func (r *row) text(column string) *string {
	return []*string{
		&r.Name, &r.State, &r.Origin, nil, &r.ID, &r.PublicKey, &r.PSK, nil, nil,
		&r.Expires, &r.Enrolled, &r.FirstSeen, &r.LastSeen,
	}[slices.Index(columns, column)]
}

// hasKey tells whether the row says how the device proves who it is.
func (r *row) hasKey() bool { return r.PublicKey != "" || r.PSK != "" }

func (r *row) validSuite() bool {
	return r.Suite >= 1 && r.Suite <= 255 && handshake.Suite(r.Suite).Valid()
}

// device reads a row. What it does not say is: a device that is enrolled now, by the operator.
// Errors do not quote secrets.
func (r *row) device(now time.Time) (*registry.Device, error) {
	d := &registry.Device{Name: r.Name, Suite: handshake.Suite(r.Suite), Groups: r.Groups, Allow: r.Allow, Enrolled: now}
	if !r.validSuite() {
		return nil, errors.New("suite: want a number from 1 to 4")
	}
	if err := r.keys(d); err != nil {
		return nil, err
	}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{
		{"expires", r.Expires, &d.Expires}, {"enrolled", r.Enrolled, &d.Enrolled},
		{"first_seen", r.FirstSeen, &d.FirstSeen}, {"last_seen", r.LastSeen, &d.LastSeen},
	} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return nil, fmt.Errorf("%s: want a time such as 2026-01-31T12:00:00Z", t.name)
		}
		*t.to = at
	}
	var err error
	if r.State != "" {
		d.State, err = registry.ParseState(r.State)
	}
	if r.Origin != "" && err == nil {
		d.Origin, err = registry.ParseOrigin(r.Origin)
	}
	return d, err
}

// keys reads the public key or the PSK.
func (r *row) keys(d *registry.Device) error {
	id, err := hex.DecodeString(r.ID)
	if err != nil || len(id) != 0 && len(id) != 16 {
		return errors.New("id: want 16 bytes in hexadecimal")
	}
	switch {
	case r.PublicKey != "" && r.PSK != "":
		return errors.New("public_key and psk: want one of them")
	case r.PublicKey != "":
		b, err := base64url.DecodeString(r.PublicKey)
		if err == nil {
			d.PublicKey, err = handshake.ParsePublicKey(d.Suite, b)
		}
		if err != nil {
			return fmt.Errorf("public_key: want a key of suite %v, %d bytes in base64url without padding", d.Suite, d.Suite.PublicKeySize())
		}
		if ref := d.PublicKey.DeviceID(); len(id) != 0 && [16]byte(id) != ref {
			return errors.New("id: is not that of public_key (it may be left out)")
		}
	case r.PSK != "":
		b, err := base64url.DecodeString(r.PSK)
		if err != nil || len(b) != 32 || len(id) == 0 {
			return errors.New("psk: want 32 bytes in base64url without padding, and the id")
		}
		d.PSK = &handshake.PSK{ID: [16]byte(id), Key: handshake.PSKKey(b)}
	default:
		return errors.New("want public_key, or psk and id")
	}
	return nil
}
