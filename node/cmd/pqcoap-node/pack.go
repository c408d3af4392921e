package main

import (
	"math"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// A reading is one measurement of the simulated sensor.
type reading struct {
	at      time.Time
	celsius float64
}

// packRecord is the part of a SenML record that a sensor needs (RFC 8428 section 6). The
// first record of a pack has what holds for all.
type packRecord struct {
	BaseName string  `cbor:"-2,keyasint,omitempty"`
	BaseTime float64 `cbor:"-3,keyasint,omitempty"`
	BaseUnit string  `cbor:"-4,keyasint,omitempty"`
	Value    float64 `cbor:"2,keyasint"`
	Time     float64 `cbor:"6,keyasint,omitempty"` // seconds after the base time
}

// packMode writes floating-point numbers in the fewest bytes that are exact.
var packMode = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return mode
}()

// appendPack makes readings a SenML pack in CBOR (content format 112).
func appendPack(b []byte, name string, readings []reading) ([]byte, error) {
	base := readings[0].at
	records := make([]packRecord, len(readings))
	for i, r := range readings {
		records[i] = packRecord{Value: r.celsius, Time: seconds(r.at.Sub(base))}
	}
	records[0].BaseName = name
	records[0].BaseTime = float64(base.UnixMilli()) / 1000
	records[0].BaseUnit = "Cel"
	pack, err := packMode.Marshal(records)
	return append(b, pack...), err
}

// seconds rounds to milliseconds.
func seconds(d time.Duration) float64 {
	return float64(d.Round(time.Millisecond).Milliseconds()) / 1000
}

// The simulated temperature, in degrees Celsius.
const (
	meanTemperature = 20
	swing           = 4                // to each side, within
	swingPeriod     = 10 * time.Minute // like a heated room
	step            = 1.0 / 16         // the resolution of a 12-bit sensor; exact in two bytes
)

// temperature varies slowly with time. noise is between -1 and 1.
func temperature(at time.Time, noise float64) float64 {
	phase := 2 * math.Pi * float64(at.UnixMilli()%swingPeriod.Milliseconds()) / float64(swingPeriod.Milliseconds())
	return math.Round((meanTemperature+swing*math.Sin(phase)+0.1*noise)/step) * step
}
