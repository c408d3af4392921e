package plain

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// ErrURI says that something is not the URI of a plain CoAP server.
var ErrURI = errors.New("want coap://HOST or coap://HOST:PORT")

// ParseURI takes coap://HOST:PORT apart, without a path, a query or anything else.
func ParseURI(text string) (host, port string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "coap" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return "", "", ErrURI
	}
	if port = u.Port(); port == "" {
		port = DefaultPort
	}
	return u.Hostname(), port, nil
}

// Resolve finds the address of a server by its URI.
func Resolve(ctx context.Context, uri string) (netip.AddrPort, error) {
	host, port, err := ParseURI(uri)
	if err != nil {
		return netip.AddrPort{}, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port: %w", err)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(number)), nil
}
