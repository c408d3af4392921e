package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/pqcoap/pqcoap/internal/config"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
	"github.com/pqcoap/pqcoap/server/upstream"
)

// Check reads all that a server of a folder would read, and changes nothing. It returns what is
// wrong, each with its file, its line where it has one, and what would be right. It asks for the
// passphrase if the keys are sealed. Upstreams that have names are looked up.
func Check(ctx context.Context, path string, ask Passphrase) []string {
	c := check{path: path}
	if _, err := os.Stat(filepath.Join(path, settingsFile)); errors.Is(err, fs.ErrNotExist) {
		return []string{fmt.Sprintf("%s: no %s in it: pqcoap-server init makes one", path, settingsFile)}
	}
	c.folder(path)
	c.folder(filepath.Join(path, keysFolder))
	c.settings(ctx)
	_, err := loadSecrets(path)
	c.add(err)
	o := &opener{ask: ask}
	defer o.wipe()
	_, err = loadStanding(path, o, time.Now())
	c.add(err)
	if _, err = openTickets(path); !errors.Is(err, fs.ErrNotExist) { // made at the next start
		c.add(err)
	}
	c.devices(filepath.Join(path, registry.FileName))
	for _, name := range []string{startsFile, sessionsFile} {
		name = filepath.Join(path, name)
		if info, err := os.Stat(name); err == nil {
			c.add(private(name, info))
		}
	}
	return c.found
}

// devices looks at the registry, where there is one: also beside a server that runs.
func (c *check) devices(name string) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = private(name, info)
	}
	if err == nil {
		var devices control.Devices
		if devices, err = control.Open(c.path); err == nil {
			err = devices.Close()
		}
	}
	c.add(err)
}

// A check is what it has found.
type check struct {
	path  string
	found []string
}

func (c *check) add(err error) {
	if err == nil {
		return
	}
	text := err.Error()
	for _, class := range []error{ErrDir, registry.ErrFile} { // the file says enough
		text = strings.TrimPrefix(text, class.Error()+": ")
	}
	c.found = append(c.found, text)
}

// folder refuses one that others may put files into. Windows has no such bits.
func (c *check) folder(name string) {
	info, err := os.Stat(name)
	if err != nil {
		c.add(err)
	} else if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o022 != 0 {
		c.add(fmt.Errorf("%s has mode %04o, which lets others put files into it: run chmod 700 %s", name, mode, name))
	}
}

// settings checks server.toml, and what of it the machine has to have.
func (c *check) settings(ctx context.Context) {
	name := filepath.Join(c.path, settingsFile)
	b, err := os.ReadFile(name)
	if err != nil {
		c.add(err)
		return
	}
	info, err := os.Stat(name)
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		c.add(fmt.Errorf("%s has mode %04o, which lets others change it: run chmod 600 %s", name, info.Mode().Perm(), name))
	}
	s, lines, err := parseSettings(b)
	if err == nil {
		err = c.environment(ctx, &s, lines)
	}
	var found config.Problems
	if !errors.As(err, &found) {
		c.add(err)
	}
	for _, p := range found {
		c.found = append(c.found, name+": "+p.String())
	}
}

// environment checks addresses.
func (c *check) environment(ctx context.Context, s *Settings, lines config.Lines) error {
	var found config.Problems
	if _, err := net.ResolveUDPAddr("udp", s.Listen); err != nil {
		found.Add(lines.Problem("listen", "listen: want an address such as \":5688\": %w", err))
	}
	for i, err := range upstream.Check(ctx, s.Routes) {
		if err != nil {
			found.Add(lines.Problem(fmt.Sprintf("route[%d]", i), "%w", err))
		}
	}
	return found.Err()
}
