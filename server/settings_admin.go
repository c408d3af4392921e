package server

import (
	"errors"
	"net/netip"
)

// AdminSettings is the table [admin] of server.toml: the listener of package server/admin. Each
// field is a row of config.Server.
type AdminSettings struct {
	Listen string `toml:"listen"` // TCP address; empty: there is no listener
	Public bool   `toml:"public"` // also on an address that is not of loopback
	Pprof  bool   `toml:"pprof"`  // profiles of the program
}

// Errors of AdminSettings.
var (
	errAdminListen = errors.New("admin.listen: want an IP address and a port, such as \"127.0.0.1:9688\" or \"[::1]:9688\"")
	errAdminPublic = errors.New("admin.listen: not an address of loopback: whoever reaches it can read the metrics. If they may, set public = true")
	errAdminPprof  = errors.New("admin.pprof: profiles are for addresses of loopback only")
)

// Address is where to listen; the zero AddrPort where there is no listener. Where it returns an
// error, nobody must listen.
func (a *AdminSettings) Address() (netip.AddrPort, error) {
	if a.Listen == "" {
		return netip.AddrPort{}, nil
	}
	at, err := netip.ParseAddrPort(a.Listen)
	loopback := at.Addr().Unmap().IsLoopback()
	switch {
	case err != nil:
		return netip.AddrPort{}, errAdminListen
	case !loopback && !a.Public:
		return netip.AddrPort{}, errAdminPublic
	case !loopback && a.Pprof:
		return netip.AddrPort{}, errAdminPprof
	}
	return at, nil
}
