package node

import "time"

// lasting reads what makes sessions last.
func (f *file) lasting(cfg *Config) {
	cfg.State, cfg.Rekey.Records = f.State, uint64(f.RekeyRecords)
	for _, k := range []struct {
		seconds *int64 // nil: not in the file
		to      *time.Duration
		never   bool // 0 is never, which is not the default
	}{
		{&f.IdleTimeout, &cfg.IdleTimeout, false},
		{&f.RekeyAge, &cfg.Rekey.Age, false},
		{&f.KeepAlive, &cfg.KeepAlive, false},
		{f.FreshAfter, &cfg.FreshAfter, true},
		{f.Spread, &cfg.Spread, true},
	} {
		switch {
		case k.seconds == nil:
		case *k.seconds == 0 && k.never:
			*k.to = -1
		default:
			*k.to = time.Duration(*k.seconds) * time.Second
		}
	}
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
