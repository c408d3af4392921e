package node

import (
	"fmt"
	"time"
)

// fileKeys are those of a configuration file.
const fileKeys = "name, server, server_key, fingerprint, suite, key, max_udp_payload, idle_timeout, state, " +
	"rekey_age, rekey_records, fresh_after, keep_alive, spread"

// maxSeconds is the longest time in a configuration file.
const maxSeconds = 1<<31 - 1

// lasting reads what makes sessions last.
func (f *file) lasting(cfg *Config) error {
	cfg.State, cfg.Rekey.Records = f.State, uint64(f.RekeyRecords)
	if f.RekeyRecords < 0 {
		return fmt.Errorf("%w: rekey_records: want 0 or more", ErrConfig)
	}
	for _, k := range []struct {
		name    string
		seconds *int64 // nil: not in the file
		to      *time.Duration
		never   bool // 0 is never, which is not the default
	}{
		{"idle_timeout", &f.IdleTimeout, &cfg.IdleTimeout, false},
		{"rekey_age", &f.RekeyAge, &cfg.Rekey.Age, false},
		{"keep_alive", &f.KeepAlive, &cfg.KeepAlive, false},
		{"fresh_after", f.FreshAfter, &cfg.FreshAfter, true},
		{"spread", f.Spread, &cfg.Spread, true},
	} {
		switch {
		case k.seconds == nil:
		case *k.seconds < 0 || *k.seconds > maxSeconds:
			return fmt.Errorf("%w: %s: want seconds, 0 to %d", ErrConfig, k.name, maxSeconds)
		case *k.seconds == 0 && k.never:
			*k.to = -1
		default:
			*k.to = time.Duration(*k.seconds) * time.Second
		}
	}
	return nil
}

// setLasting is the opposite of lasting.
func (f *file) setLasting(cfg *Config) {
	f.State, f.RekeyRecords = cfg.State, int64(cfg.Rekey.Records)
	f.IdleTimeout = int64(cfg.IdleTimeout / time.Second)
	f.RekeyAge = int64(cfg.Rekey.Age / time.Second)
	f.KeepAlive = int64(cfg.KeepAlive / time.Second)
	f.FreshAfter, f.Spread = orNever(cfg.FreshAfter), orNever(cfg.Spread)
}

// orNever is nil for the default.
func orNever(d time.Duration) *int64 {
	if d == 0 {
		return nil
	}
	seconds := int64(max(d, 0) / time.Second)
	return &seconds
}
