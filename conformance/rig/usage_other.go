//go:build !unix

package rig

import "time"

// CPU is not known here.
func CPU() time.Duration { return 0 }
