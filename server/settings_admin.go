package server

import (
	"fmt"
	"net/netip"
)

// AdminSettings is the table [admin] of server.toml: the listener of package server/admin.
type AdminSettings struct {
	Listen string `toml:"listen"` // TCP address; empty: there is no listener
	Public bool   `toml:"public"` // also on an address that is not of loopback
	Pprof  bool   `toml:"pprof"`  // profiles of the program
}

// Address is where to listen; the zero AddrPort where there is no listener. What it returns an
// error for must not be listened on.
func (a *AdminSettings) Address() (at netip.AddrPort, err error) {
	if a.Listen == "" {
		return at, nil
	}
	at, err = netip.ParseAddrPort(a.Listen)
	loopback := at.Addr().Unmap().IsLoopback()
	switch {
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("%w: admin.listen: want an IP address and a port, such as \"127.0.0.1:9688\" or \"[::1]:9688\"", ErrDir)
	case !loopback && !a.Public:
		return netip.AddrPort{}, fmt.Errorf("%w: admin.listen: %v is not an address of loopback: whoever reaches it can read the metrics. If they may, set public = true", ErrDir, at)
	case !loopback && a.Pprof:
		return netip.AddrPort{}, fmt.Errorf("%w: admin.pprof: profiles are for addresses of loopback only", ErrDir)
	}
	return at, nil
}
