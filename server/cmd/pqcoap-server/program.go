package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/internal/passphrase"
	"github.com/pqcoap/pqcoap/server"
)

func program() *cli.Program {
	return &cli.Program{
		Name: "pqcoap-server",
		About: `pqcoap-server takes CoAP requests of devices over a post-quantum channel: keys are
agreed by ML-KEM, requests travel in AES-GCM records, all on one UDP port.`,
		Commands: []cli.Command{
			initCommand(), enrollCommand(), inviteCommand(), importCommand(), exportCommand(), listCommand(),
			showCommand(), permitCommand(), changes[0].command(), changes[1].command(), revokeCommand(),
			changes[2].command(), runCommand(), checkCommand(), passphraseCommand(), fingerprintCommand(),
			rotateKeyCommand(), rotateCommand(), caCommand(), demoCommand(),
		},
		Examples: `
			pqcoap-server demo
			pqcoap-server init   -dir /var/lib/pqcoap
			pqcoap-server enroll -dir /var/lib/pqcoap sensor-1 -server 192.0.2.1:5688
			pqcoap-server run    -dir /var/lib/pqcoap`,
	}
}

// dirFlag defines the flag that every command with a folder has.
func dirFlag(fs *flag.FlagSet) *string {
	return fs.String("dir", "", "`DIR` of the server: its keys, settings and devices")
}

// A folder is the flags of commands that need the server's keys.
type folder struct {
	dir        *string
	passphrase passphrase.Flag
}

// folderFlags defines them.
func folderFlags(fs *flag.FlagSet) *folder {
	f := &folder{dir: dirFlag(fs)}
	f.passphrase.Define(fs)
	return f
}

// open opens the folder, and asks for a passphrase if need be.
func (f *folder) open() (*server.Dir, error) { return server.OpenDirSealed(*f.dir, f.ask) }

func (f *folder) ask() ([]byte, error) { return f.passphrase.Ask("of the server's keys") }

// noArguments refuses what a command does not take, and a missing folder.
func noArguments(dir string, args []string) error {
	switch {
	case dir == "":
		return cli.Usagef("-dir DIR is missing")
	case len(args) != 0:
		return cli.Usagef("want no arguments, have %d", len(args))
	}
	return nil
}

// A suiteFlag is a flag.Value. Zero is none.
type suiteFlag handshake.Suite

// suiteUsage is of the flag -suite.
const suiteUsage = "suite `N`: 1 X-Wing, 2 ML-KEM-768, 3 ML-KEM-512, 4 ML-KEM-1024"

var errSuite = errors.New("want 1, 2, 3 or 4")

func (s *suiteFlag) String() string { return strconv.Itoa(int(*s)) }

// Set parses the number of a suite.
func (s *suiteFlag) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || !handshake.Suite(n).Valid() {
		return errSuite
	}
	*s = suiteFlag(n)
	return nil
}

// suiteText is a suite with its number, as the flags name it.
func suiteText(s handshake.Suite) string { return fmt.Sprintf("%d (%v)", s, s) }

// keyOf is the server's key of a suite; the first one it has where none is asked for.
func keyOf(dir *server.Dir, suite handshake.Suite) (*handshake.PrivateKey, error) {
	if suite == 0 {
		return dir.Keys[0], nil
	}
	if key := dir.Key(suite); key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("the server has no key of suite %s: 'pqcoap-server init -dir %s -suite %d' makes one", suiteText(suite), dir.Path, suite)
}
