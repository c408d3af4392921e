package server

import (
	"testing"
	"time"
)

func TestAuthoritySettings(t *testing.T) {
	for text, want := range map[string]AuthoritySettings{
		"": {"server", true, 2160, 2160},
		"[authority]\nname = \"a\"\nmay_issue = false\ndevice_lifetime = 1\nserver_lifetime = 2\n": {"a", false, 1, 2},
	} {
		got := parsed(t, text).Authority
		if got != want || got.deviceLifetime() != time.Duration(want.DeviceLifetime)*time.Hour ||
			got.serverLifetime() != time.Duration(want.ServerLifetime)*time.Hour {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
	for _, text := range []string{"name = \"\"", "device_lifetime = 0", "server_lifetime = 100000"} {
		if _, err := ParseSettings([]byte("[authority]\n" + text + "\n")); err == nil {
			t.Errorf("%s: taken", text)
		}
	}
}
