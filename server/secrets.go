package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/fxamacker/cbor/v2"
)

// secretsObject is the file form of Secrets: [1, "secrets", echo, reset].
type secretsObject struct {
	_       struct{} `cbor:",toarray"`
	Version int
	Kind    string
	Echo    []byte
	Reset   []byte
}

const secretsKind = "secrets"

// createSecrets makes the secrets file, unless there is one.
func createSecrets(path string) error {
	var s Secrets
	rand.Read(s.Echo[:])
	rand.Read(s.Reset[:])
	b, err := cbor.Marshal(secretsObject{Version: 1, Kind: secretsKind, Echo: s.Echo[:], Reset: s.Reset[:]})
	if err != nil {
		return err
	}
	err = createFile(filepath.Join(path, secretsFile), b)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func loadSecrets(path string) (s Secrets, err error) {
	name := filepath.Join(path, secretsFile)
	b, err := readPrivate(name)
	if err != nil {
		return s, err
	}
	var o secretsObject
	if cbor.Unmarshal(b, &o) != nil || o.Version != 1 || o.Kind != secretsKind ||
		len(o.Echo) != len(s.Echo) || len(o.Reset) != len(s.Reset) {
		return s, fmt.Errorf("%w: %s: not a secrets object of version 1: without it, remove the file and run pqcoap-server init with another suite", ErrDir, name)
	}
	copy(s.Echo[:], o.Echo)
	copy(s.Reset[:], o.Reset)
	return s, nil
}
