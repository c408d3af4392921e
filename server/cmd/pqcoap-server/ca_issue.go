package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
)

// maxSmall bounds a file with a public key or a credential, in bytes.
const maxSmall = 16 << 10

// readSmall reads a file that is no secret.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(b) > maxSmall {
		err = fmt.Errorf("%s: larger than %d bytes", name, maxSmall)
	}
	return b, err
}

// readEncoded reads a public key or a credential: as it is, or as a line of base64url.
func readEncoded(name string) ([]byte, error) {
	b, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	if plain, err := base64.RawURLEncoding.DecodeString(string(bytes.TrimSpace(b))); err == nil {
		return plain, nil
	}
	return b, nil
}

// encoded is a line of base64url.
func encoded(b []byte) []byte {
	return append(base64.RawURLEncoding.AppendEncode(nil, b), '\n')
}

// request writes the server's public key.
func (a *caAction) request(std cli.Streams, _ string) error {
	dir, err := a.folder.open()
	if err != nil {
		return err
	}
	key, err := keyOf(dir, handshake.Suite(a.suite))
	if err != nil {
		return err
	}
	return a.write(std, encoded(key.ServerCredential().Bytes()))
}

// issue signs a credential for a public key.
func (a *caAction) issue(std cli.Streams, file string) error {
	if a.name == "" {
		return cli.Usagef("-name NAME is missing: the device's or server's")
	}
	if a.hours < 1 {
		return cli.Usagef("-lifetime: want at least 1 hour")
	}
	b, err := readEncoded(file)
	if err != nil {
		return err
	}
	key, err := handshake.ParseServerCredential(b) // a device's has the same shape
	if err != nil {
		return fmt.Errorf("%s: not the public key of a device or server: %w", file, err)
	}
	ca, err := a.open()
	if err != nil {
		return err
	}
	usage := cwt.UsageDevice
	if a.server {
		usage = cwt.UsageServer
	}
	token, claims, err := ca.Issue(time.Now(), usage, a.name, key.PublicKey(), a.lifetime())
	if err != nil {
		return err
	}
	if err := a.write(std, encoded(token)); err != nil || a.out == "-" {
		return err
	}
	printClaims(std, claims)
	return nil
}

// install gives the server a credential.
func (a *caAction) install(std cli.Streams, file string) error {
	token, err := readEncoded(file)
	if err != nil {
		return err
	}
	claims, err := server.InstallToken(*a.folder.dir, token, a.folder.ask, time.Now())
	if err != nil {
		return err
	}
	printClaims(std, claims)
	return nil
}

func printClaims(std cli.Streams, c *cwt.Claims) {
	fmt.Fprintf(std.Out, "%v   %s\nissuer   %s\nsuite    %s\nexpires  %s\n",
		c.Usage, c.Subject, c.Issuer, suiteText(c.Key.Suite()), c.Expires.UTC().Format(time.RFC3339))
}
