package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/coap"
)

// Every key of [limits] comes to where it is used, and without the table the defaults do.
func TestLimitsMean(t *testing.T) {
	s, err := ParseSettings([]byte(`
		[limits]
		half_open = 1
		half_open_per_network = 2
		sessions = 3
		anonymous_sessions_per_network = 4
		handshakes_per_second = 5
		handshakes_unproven_per_second = 6
		resumptions_per_second = 7
		answers_per_second = 8
		resets_per_second = 9
		address_share = 10
		network_share = 11
		burst_seconds = 12
		sessions_per_device_per_minute = 13
		requests_per_device_per_second = 14
	`))
	if err != nil {
		t.Fatal(err)
	}
	cfg := (&Dir{Settings: s}).Config(coap.HandlerFunc(nil))
	want := Admission{
		HalfOpenNetwork: 2, AnonymousNetwork: 4, Proven: 5, Unproven: 6, Resumed: 7, Answers: 8, Resets: 9,
		AddressShare: 10, NetworkShare: 11, Burst: 12, DeviceSessions: 13, DeviceRequests: 14,
	}
	if cfg.Admission != want || cfg.MaxHalfOpen != 1 || cfg.MaxSessions != 3 {
		t.Errorf("%+v, %d half-open, %d sessions", cfg.Admission, cfg.MaxHalfOpen, cfg.MaxSessions)
	}
	plain, err := ParseSettings(nil)
	if err != nil || plain.Limits.admission() != DefaultAdmission {
		t.Errorf("%+v, %v; want the default", plain.Limits, err)
	}
}

func TestLimitsRejected(t *testing.T) {
	for _, line := range []string{
		"half_open = 0", "sessions = 0", "address_share = 0", "address_share = 101", "network_share = 0", "burst_seconds = 0",
		"burst_seconds = 61", "handshakes_per_second = -1", "requests_per_device_per_second = -1", "half_opened = 1",
	} {
		key, _, _ := strings.Cut(line, " ")
		if _, err := ParseSettings([]byte("[limits]\n" + line)); !errors.Is(err, ErrDir) || !strings.Contains(err.Error(), "limits."+key) {
			t.Errorf("%s: error %v", line, err)
		}
	}
}
