//go:build unix

package rig

import (
	"syscall"
	"time"
)

// CPU is the processor time of this process, the system's on its behalf too. Other processes change
// it less than they do the time that passes.
func CPU() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
