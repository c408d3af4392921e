package main

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/pqcoap/pqcoap/internal/invite"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/audit"
	"github.com/pqcoap/pqcoap/server/control"
	"github.com/pqcoap/pqcoap/server/registry"
)

// An audited is devices whose changes by the operator get lines in the folder's audit log, behind the
// change, unless server.toml has none of it.
type audited struct {
	control.Devices
	trail
}

// A trail is the audit log of a folder, as the operator's commands write it.
type trail struct {
	dir string
	off bool
}

// trailOf is that of a folder. Where server.toml cannot be read there is one.
func trailOf(dir string) (trail, error) {
	b, err := os.ReadFile(filepath.Join(dir, "server.toml"))
	if err != nil {
		return trail{}, err
	}
	settings, err := server.ParseSettings(b)
	return trail{dir, err == nil && !settings.Audit}, nil
}

// openAudited opens the devices of a folder.
func openAudited(dir string) (*audited, error) {
	t, err := trailOf(dir)
	if err != nil {
		return nil, err
	}
	devices, err := control.Open(dir)
	return &audited{devices, t}, err
}

// note writes a line.
func (t trail) note(event func(l *audit.Log, now time.Time) error) error {
	if t.off {
		return nil
	}
	l, err := audit.Open(t.dir)
	if err != nil {
		return err
	}
	now := time.Now()
	return errors.Join(event(l, now), l.Close(now))
}

func audits(d *registry.Device) audit.Device {
	return audit.Device{Name: d.Name, Suite: d.Suite, Credential: d.Credential()}
}

// known is what the log says of the device of a name.
func (a *audited) known(name string) audit.Device {
	if d, err := a.Get(name); err == nil {
		return audits(d)
	}
	return audit.Device{Name: name}
}

// change does something to a device, and notes it as event does.
func (a *audited) change(name string, do func(string) error, event func(*audit.Log, time.Time, audit.Device) error) error {
	d := a.known(name) // before it is gone
	if err := do(name); err != nil {
		return err
	}
	return a.note(func(l *audit.Log, now time.Time) error { return event(l, now, d) })
}

// Enroll implements [control.Devices].
func (a *audited) Enroll(d registry.Device) error {
	if err := a.Devices.Enroll(d); err != nil {
		return err
	}
	return a.note(func(l *audit.Log, now time.Time) error { return l.Enrolled(now, audits(&d), d.Origin.String()) })
}

// Import implements [control.Devices].
func (a *audited) Import(devices iter.Seq2[*registry.Device, error]) error {
	type line struct {
		device audit.Device
		origin string
	}
	var lines []line
	err := a.Devices.Import(func(yield func(*registry.Device, error) bool) {
		for d, err := range devices {
			if err == nil {
				lines = append(lines, line{audits(d), d.Origin.String()})
			}
			if !yield(d, err) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	return a.note(func(l *audit.Log, now time.Time) (err error) {
		for _, d := range lines {
			err = errors.Join(err, l.Enrolled(now, d.device, d.origin))
		}
		return err
	})
}

// Suspend implements [control.Devices].
func (a *audited) Suspend(name string) error {
	return a.change(name, a.Devices.Suspend, (*audit.Log).Suspended)
}

// Resume implements [control.Devices].
func (a *audited) Resume(name string) error {
	return a.change(name, a.Devices.Resume, (*audit.Log).Reinstated)
}

// Revoke implements [control.Devices].
func (a *audited) Revoke(name string) error {
	return a.change(name, a.Devices.Revoke, (*audit.Log).Revoked)
}

// Bar implements [control.Devices].
func (a *audited) Bar(name string) error {
	return a.change(name, a.Devices.Bar, (*audit.Log).Revoked)
}

// Remove implements [control.Devices].
func (a *audited) Remove(name string) error {
	return a.change(name, a.Devices.Remove, (*audit.Log).Removed)
}

// Permit implements [control.Devices].
func (a *audited) Permit(name string, groups, allow []string) error {
	return a.change(name, func(name string) error { return a.Devices.Permit(name, groups, allow) }, (*audit.Log).Permitted)
}

// Invite implements [control.Devices].
func (a *audited) Invite(i registry.Invitation) (invite.Code, error) {
	code, err := a.Devices.Invite(i)
	if err != nil {
		return code, err
	}
	return code, a.note(func(l *audit.Log, now time.Time) error {
		return l.Invited(now, i.Name, i.Suite, now.Add(i.Lifetime))
	})
}
