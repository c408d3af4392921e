package rig

import (
	"os"
	"strconv"
	"strings"
)

// memory is what of this process is in memory, in bytes; 0 where the system does not say.
func memory() int64 { return Resident("self") }

// Resident is what of a process is in memory, by its number, in bytes: VmRSS of Linux; 0 elsewhere.
func Resident(process string) int64 {
	b, err := os.ReadFile("/proc/" + process + "/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kB, _ := strconv.ParseInt(fields[0], 10, 64)
	return kB << 10
}
