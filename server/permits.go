package server

import (
	"sync"

	"github.com/plgd-dev/go-coap/v3/message"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/server/permission"
)

// The groups that a device is in which has none: that of devices without a name, where it is
// written, and that of all others.
const (
	groupDefault   = "default"
	groupAnonymous = "anonymous"
)

// maxPermits bounds what is remembered of devices.
const maxPermits = 1 << 16

// A permit is what a device may ask for.
type permit struct {
	all bool // everything
	set permission.Set
}

// permits are those of devices, as the settings and the registry were when they were looked up. The
// zero value is ready to use.
type permits struct {
	mu       sync.RWMutex
	settings *Settings
	version  uint64
	known    map[string]permit
}

// allows tells whether a device may make a request.
func (d *Dir) allows(device string, m *coap.Message) bool {
	p, err := d.permit(device)
	return err == nil && p.allows(m)
}

func (p permit) allows(m *coap.Message) bool { return p.all || p.set.Allows(m.Code, pathOf(m.Options)) }

// permit is what a device may, as of now.
func (d *Dir) permit(device string) (permit, error) {
	settings, version := d.settings(), d.Devices.Version()
	d.permits.mu.RLock()
	p, ok := d.permits.known[device]
	ok = ok && d.permits.settings == settings && d.permits.version == version
	d.permits.mu.RUnlock()
	if ok {
		return p, nil
	}
	var groups, allow []string
	if device != "" {
		var err error
		if groups, allow, err = d.Devices.Policy(device); err != nil {
			return permit{}, err
		}
	}
	p = settings.permit(device, groups, allow)
	d.permits.mu.Lock()
	defer d.permits.mu.Unlock()
	if d.permits.settings != settings || d.permits.version != version || len(d.permits.known) >= maxPermits {
		d.permits.settings, d.permits.version, d.permits.known = settings, version, map[string]permit{}
	}
	d.permits.known[device] = p
	return p, nil
}

// permit is what the rules of groups and of a device itself allow it. A device that has neither may
// do everything, unless there is a group for those. A group that is not written allows nothing.
func (s *Settings) permit(device string, groups, allow []string) permit {
	if len(groups) == 0 {
		groups = []string{groupDefault}
		if _, written := s.Groups[groupAnonymous]; written && device == "" {
			groups = []string{groupAnonymous}
		}
		if _, written := s.Groups[groups[0]]; !written && len(allow) == 0 {
			return permit{all: true}
		}
	}
	var p permit
	for _, group := range groups {
		p.add(s.Groups[group].Allow)
	}
	p.add(allow)
	return p
}

// add adds rules, which have been checked where they come from.
func (p *permit) add(rules []string) {
	set, err := permission.Parse(rules)
	if err == nil {
		p.set = append(p.set, set...)
	}
}

// pathOf are the Uri-Path options of a request. A slash within one is not one between two.
func pathOf(options message.Options) (path []string) {
	for _, o := range options {
		if o.ID == message.URIPath {
			path = append(path, string(o.Value))
		}
	}
	return path
}
