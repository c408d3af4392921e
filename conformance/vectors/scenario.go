package vectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pqcoap/pqcoap/conformance/reference"
)

// ErrFormat means a file that is not a scenario.
var ErrFormat = errors.New("vectors: not a scenario")

// A Kind says what a scenario is about, and so which type it has.
type Kind string

const (
	KindHandshake Kind = "handshake" // *Handshake: both sides, up to the first records
	KindM1        Kind = "m1"        // *M1: a server takes an m1
	KindM2        Kind = "m2"        // *M2: a device takes an answer
	KindRefusal   Kind = "refusal"   // *Refusal: both sides of a sealed refusal
	KindObject    Kind = "object"    // *Object: a credential or key is read
	KindReceive   Kind = "receive"   // *Receive: one side takes datagrams of records
	KindSend      Kind = "send"      // *Send: one side makes records

	KindResumption Kind = "resumption" // *Resumption: both sides, up to the new ticket
	KindM1R        Kind = "m1r"        // *M1R: a server takes an m1r
	KindM2R        Kind = "m2r"        // *M2R: a device takes an answer to it
	KindContents   Kind = "contents"   // *Contents: contents of records after the handshake
	KindUpdate     Kind = "update"     // *Update: one side takes key updates
)

// An Outcome is ok or the class of a failure.
type Outcome string

const (
	OK          Outcome = "ok"
	Malformed   Outcome = "malformed"
	InvalidKey  Outcome = "invalid-key"
	UnknownKey  Outcome = "unknown-key"
	Unsupported Outcome = "unsupported"
	Rejected    Outcome = "rejected"
	Refused     Outcome = "refused"
	Replayed    Outcome = "replayed"
	Ignored     Outcome = "ignored"
)

// A Header is what every scenario begins with.
type Header struct {
	Name   string  `json:"name"`
	About  string  `json:"about"`
	Kind   Kind    `json:"kind"`
	Expect Outcome `json:"expect"`
}

func (h *Header) header() *Header { return h }

// A Scenario is one file.
type Scenario interface{ header() *Header }

// Name returns the name of a scenario: that of its file without ".json".
func Name(s Scenario) string { return s.header().Name }

// Encode returns the text of the file.
func Encode(s Scenario) ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// Decode is the inverse.
func Decode(b []byte) (Scenario, error) {
	var h Header
	if err := json.Unmarshal(b, &h); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var s Scenario
	switch h.Kind {
	case KindHandshake:
		s = new(Handshake)
	case KindM1:
		s = new(M1)
	case KindM2:
		s = new(M2)
	case KindRefusal:
		s = new(Refusal)
	case KindObject:
		s = new(Object)
	case KindReceive:
		s = new(Receive)
	case KindSend:
		s = new(Send)
	case KindResumption:
		s = new(Resumption)
	case KindM1R:
		s = new(M1R)
	case KindM2R:
		s = new(M2R)
	case KindContents:
		s = new(Contents)
	case KindUpdate:
		s = new(Update)
	case KindToken:
		s = new(Token)
	default:
		return nil, fmt.Errorf("%w: unknown kind", ErrFormat)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return s, nil
}

// All computes every scenario.
func All() []Scenario {
	return slices.Concat(handshakes(), refusals(), m1s(), m2s(), objects(), receives(), sends(),
		resumptions(), m1rs(), m2rs(), resumptionObjects(), controlContents(), updates(), tokens())
}

// Write writes every scenario to a folder.
func Write(dir string) (files int, err error) {
	for _, s := range All() {
		b, err := Encode(s)
		if err != nil {
			return files, err
		}
		if err := os.WriteFile(filepath.Join(dir, Name(s)+".json"), b, 0o644); err != nil {
			return files, err
		}
		files++
	}
	return files, nil
}

// Load reads every scenario of a folder, in the order of their names.
func Load(dir string) ([]Scenario, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		s, err := Decode(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if Name(s)+".json" != filepath.Base(name) {
			return nil, fmt.Errorf("%s: %w: another name inside", name, ErrFormat)
		}
		all = append(all, s)
	}
	return all, nil
}

// Hex is how byte strings are written.
type Hex = reference.Hex
