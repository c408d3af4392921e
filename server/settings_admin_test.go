package server

import (
	"errors"
	"strings"
	"testing"
)

func TestAdminAddress(t *testing.T) {
	for _, tt := range []struct {
		settings AdminSettings
		want     error
	}{
		{AdminSettings{}, nil},
		{AdminSettings{Pprof: true}, nil},
		{AdminSettings{Listen: "127.0.0.1:9688", Pprof: true}, nil},
		{AdminSettings{Listen: "[::1]:9688", Pprof: true}, nil},
		{AdminSettings{Listen: "[::ffff:127.0.0.1]:9688"}, nil},
		{AdminSettings{Listen: "192.0.2.1:9688", Public: true}, nil},
		{AdminSettings{Listen: "[::]:9688", Public: true}, nil},
		{AdminSettings{Listen: ":9688", Public: true}, errAdminListen},
		{AdminSettings{Listen: "localhost:9688"}, errAdminListen}, // a name may be another's
		{AdminSettings{Listen: "127.0.0.1"}, errAdminListen},
		{AdminSettings{Listen: "127.0.0.1:99999"}, errAdminListen},
		{AdminSettings{Listen: "0.0.0.0:9688"}, errAdminPublic},
		{AdminSettings{Listen: "[::]:9688"}, errAdminPublic},
		{AdminSettings{Listen: "192.0.2.1:9688"}, errAdminPublic},
		{AdminSettings{Listen: "192.0.2.1:9688", Public: true, Pprof: true}, errAdminPprof},
	} {
		at, err := tt.settings.Address()
		if !errors.Is(err, tt.want) || err != nil && at.IsValid() || err == nil && at.IsValid() != (tt.settings.Listen != "") {
			t.Errorf("%+v: %v, %v; want %v", tt.settings, at, err, tt.want)
		}
	}
}

// What must not be listened on is an error of server.toml, in its line.
func TestAdminSettings(t *testing.T) {
	_, err := ParseSettings([]byte("echo = \"auto\"\n[admin]\nlisten = \"0.0.0.0:9688\"\n"))
	if !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), "line 3: admin.listen: not an address of loopback") {
		t.Errorf("%v", err)
	}
	s, err := ParseSettings([]byte("[admin]\nlisten = \"[::1]:9688\"\npprof = true\n"))
	if err != nil || s.Admin != (AdminSettings{Listen: "[::1]:9688", Pprof: true}) {
		t.Errorf("%+v, %v", s.Admin, err)
	}
}
