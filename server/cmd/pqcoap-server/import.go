package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

// maxImportFile bounds a file of devices: a hundred thousand with the largest keys.
const maxImportFile = 512 << 20

func importCommand() cli.Command {
	return cli.Command{
		Name:  "import",
		Args:  "-dir DIR FILE [-format csv|json] [-out DIR [-psk] [-server ADDR]] [-suite N]",
		Short: "let many devices in",
		Long: `Import lets in all devices of FILE (- is the standard input), or none where one line is
wrong. CSV begins with a line of column names: name, and what there is of state, origin,
suite, id, public_key, psk, groups (with spaces between), allow (with ";" between), expires,
enrolled, first_seen, last_seen; JSON is an array of objects, or one a line, with the same
keys. A device proves itself by public_key, or by psk and id; for those with neither -out
makes keys, and writes the files with which pqcoap-node runs into a folder, NAME.toml each.
Those files hold private keys: bring them to the devices over a safe way.`,
		Examples: `
			pqcoap-server import -dir /var/lib/pqcoap devices.csv
			pqcoap-server import -dir /var/lib/pqcoap names.csv -out files -psk`,
		Setup: importSetup,
	}
}

// An importing is what import is asked for.
type importing struct {
	enrollment
	out  string
	made []string // files
}

func importSetup(fs *flag.FlagSet) cli.Action {
	dir := dirFlag(fs)
	format := fs.String("format", "", "`FORMAT` of the file, csv or json (default: what its name ends with)")
	var q importing
	fs.StringVar(&q.out, "out", "", "`DIR` for the files of devices whose keys are made; it is made if need be")
	fs.BoolVar(&q.psk, "psk", false, "make pre-shared keys instead of KEM keys")
	var suite suiteFlag
	fs.Var(&suite, "suite", suiteUsage+", of devices whose line has none (default: the first that the server has a key of)")
	fs.StringVar(&q.server, "server", "", "`ADDR` where the devices reach the server, for their files (default: this "+
		"machine, at the port of server.toml)")
	return func(_ context.Context, std cli.Streams, args []string) error {
		switch {
		case *dir == "":
			return cli.Usagef("-dir DIR is missing")
		case len(args) != 1:
			return cli.Usagef("want one FILE, have %d arguments", len(args))
		}
		kind, err := formatOf(*format, args[0])
		if err != nil {
			return cli.Exit(cli.CodeUsage, err)
		}
		b, err := readInput(args[0], std.In)
		if err != nil {
			return err
		}
		defer clear(b)
		folder, err := server.OpenDir(*dir)
		if err != nil {
			return err
		}
		q.suite = handshake.Suite(suite)
		return q.run(folder, rows(kind, b), std.Out)
	}
}

// readInput reads a file, or the standard input for "-".
func readInput(name string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxImportFile+1))
	if err == nil && len(b) > maxImportFile {
		err = fmt.Errorf("%s: larger than %d bytes", name, maxImportFile)
	}
	return b, err
}

// run registers the devices when all files are written; where that fails, the files go.
func (q *importing) run(dir *server.Dir, file iter.Seq2[int, func() (row, error)], out io.Writer) (err error) {
	if q.out != "" {
		if err := os.MkdirAll(q.out, 0o700); err != nil {
			return err
		}
	}
	defer func() {
		for _, name := range q.made {
			if err != nil {
				err = errors.Join(err, os.Remove(name))
			}
		}
	}()
	var lines []int
	err = withDevices(dir.Path, func(devices control.Devices) error {
		return devices.Import(q.devices(dir, file, &lines))
	})
	if of := (*registry.ImportError)(nil); errors.As(err, &of) && of.Index < len(lines) {
		err = fmt.Errorf("line %d: %w", lines[of.Index], of.Err)
	}
	if err != nil {
		return fmt.Errorf("nothing was imported: %w", err)
	}
	fmt.Fprintf(out, "imported  %d devices\n", len(lines))
	if len(q.made) > 0 {
		fmt.Fprintf(out, "files     %d in %s\n", len(q.made), q.out)
	}
	return nil
}

// devices are those of the file, and the line of each.
func (q *importing) devices(dir *server.Dir, file iter.Seq2[int, func() (row, error)], lines *[]int) iter.Seq2[*registry.Device, error] {
	now := time.Now()
	return func(yield func(*registry.Device, error) bool) {
		for line, read := range file {
			r, err := read()
			var d *registry.Device
			if err == nil {
				d, err = q.device(dir, &r, now)
			}
			if err != nil {
				yield(nil, fmt.Errorf("line %d: %w", line, err))
				return
			}
			*lines = append(*lines, line)
			if !yield(d, nil) {
				return
			}
		}
	}
}

// device is that of a row, with a key and a file where it has none.
func (q *importing) device(dir *server.Dir, r *row, now time.Time) (*registry.Device, error) {
	one := q.enrollment
	one.name = r.Name
	if r.Suite != 0 {
		one.suite = handshake.Suite(r.Suite)
	} else {
		key, err := keyOf(dir, one.suite)
		if err != nil {
			return nil, err
		}
		r.Suite = int(key.Suite())
	}
	if r.hasKey() || q.out == "" || !r.validSuite() {
		return r.device(now)
	}
	if !registry.ValidName(r.Name) {
		return nil, fmt.Errorf("name %.64q: want %s", r.Name, nameRule)
	}
	cfg, err := one.config(dir)
	if err != nil {
		return nil, err
	}
	text, err := node.AppendConfig(nil, cfg)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	file := filepath.Join(q.out, r.Name+".toml")
	if err := createPrivate(file, text); err != nil {
		return nil, err
	}
	q.made = append(q.made, file)
	made := device(cfg)
	if full := withKeys(&made, true); made.PSK != nil {
		r.ID, r.PSK = full.ID, full.PSK
	} else {
		r.ID, r.PublicKey = full.ID, full.PublicKey
	}
	return r.device(now)
}
