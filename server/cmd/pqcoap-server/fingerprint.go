package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
)

func fingerprintCommand() cli.Command {
	return cli.Command{
		Name:  "fingerprint",
		Args:  "-dir DIR [-json]",
		Short: "print the fingerprints of the server's keys",
		Long: `Fingerprint prints a line for each key: the suite, and the SHA-256 of the server's
credential. It can stand in a device's file in the place of the whole key:
fingerprint = "..." instead of server_key.`,
		Examples: `
			pqcoap-server fingerprint -dir /var/lib/pqcoap
			pqcoap-server fingerprint -dir /var/lib/pqcoap -json`,
		Setup: func(fs *flag.FlagSet) cli.Action {
			flags := folderFlags(fs)
			asJSON := fs.Bool("json", false, "print one JSON object: keys, a list of suite, kem, fingerprint")
			return func(_ context.Context, std cli.Streams, args []string) error {
				if err := noArguments(*flags.dir, args); err != nil {
					return err
				}
				folder, err := flags.open()
				if err != nil {
					return err
				}
				prints := append(fingerprints(folder.Keys, false), fingerprints(folder.Retiring, true)...)
				if *asJSON {
					return json.NewEncoder(std.Out).Encode(map[string]any{"keys": prints})
				}
				for _, p := range prints {
					note := ""
					if p.Retiring {
						note = "  retiring"
					}
					fmt.Fprintf(std.Out, "%d  %-12s  %s%s\n", p.Suite, p.KEM, p.Fingerprint, note)
				}
				return nil
			}
		},
	}
}

// A keyPrint is a server key as devices know it.
type keyPrint struct {
	Suite       uint8  `json:"suite"`
	KEM         string `json:"kem"`
	Fingerprint string `json:"fingerprint"`
	Retiring    bool   `json:"retiring,omitempty"` // another takes its place
}

func fingerprints(keys []*handshake.PrivateKey, retiring bool) []keyPrint {
	prints := make([]keyPrint, len(keys))
	for i, k := range keys {
		sum := k.ServerCredential().Fingerprint()
		prints[i] = keyPrint{uint8(k.Suite()), k.Suite().String(), hex.EncodeToString(sum[:]), retiring}
	}
	return prints
}
