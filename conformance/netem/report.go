package netem

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"
)

// Errors about what the commands wrote.
var (
	ErrFormat = errors.New("netem: not what the command writes")
	ErrResult = errors.New("netem: not the result it has to be")
)

// A Ping is what 'pqcoap-node ping -json' writes.
type Ping struct {
	Handshakes    int         `json:"handshakes"`
	Failed        *int        `json:"failed"`
	HandshakeMS   Percentiles `json:"handshake_ms"`
	FirstAnswerMS Percentiles `json:"first_answer_ms"`
	BytesOut      int         `json:"bytes_out"`
	BytesIn       int         `json:"bytes_in"`
	DatagramsOut  int         `json:"datagrams_out"`
	DatagramsIn   int         `json:"datagrams_in"`
	RequestOut    int         `json:"request_bytes_out"`
	RequestIn     int         `json:"request_bytes_in"`
}

// Percentiles are in milliseconds.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// ParsePing reads the output of ping.
func ParsePing(b []byte) (p Ping, err error) {
	if err := unmarshal(b, &p); err != nil {
		return p, err
	}
	if p.Failed == nil {
		return p, fmt.Errorf("%w: failed is missing", ErrFormat)
	}
	return p, nil
}

// Check tells whether all handshakes of a scenario succeeded, at a cost that can be.
func (p *Ping) Check(s *Scenario) error {
	n := s.Handshakes
	switch {
	case p.Handshakes != n || p.Failed == nil || *p.Failed != 0:
		return fmt.Errorf("%w: want %d handshakes and none failed", ErrResult, n)
	case !p.HandshakeMS.ordered() || !p.FirstAnswerMS.ordered() || p.FirstAnswerMS.Max < p.HandshakeMS.Max:
		return fmt.Errorf("%w: handshake_ms, first_answer_ms: not times in their order", ErrResult)
	case p.HandshakeMS.P50 < milliseconds(s.Fastest):
		return fmt.Errorf("%w: handshake_ms: half take %.0f ms or less, and none can be faster than %v",
			ErrResult, p.HandshakeMS.P50, s.Fastest)
	case !plausible(p.BytesOut, p.DatagramsOut, n*leastOut, n*s.Most):
		return fmt.Errorf("%w: bytes_out, datagrams_out: %d, %d", ErrResult, p.BytesOut, p.DatagramsOut)
	case !plausible(p.BytesIn, p.DatagramsIn, n*leastIn, n*s.Most):
		return fmt.Errorf("%w: bytes_in, datagrams_in: %d, %d", ErrResult, p.BytesIn, p.DatagramsIn)
	case p.RequestOut < n || p.RequestOut > n*s.Most || p.RequestIn < n || p.RequestIn > n*s.Most:
		return fmt.Errorf("%w: request_bytes_out, request_bytes_in: %d, %d", ErrResult, p.RequestOut, p.RequestIn)
	}
	return nil
}

// plausible reports whether that many datagrams can hold the bytes, and these are within bounds.
func plausible(bytes, datagrams, least, most int) bool {
	return least <= bytes && bytes <= most && bytes <= datagrams*datagram
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (p *Percentiles) ordered() bool {
	return 0 < p.P50 && p.P50 <= p.P95 && p.P95 <= p.P99 && p.P99 <= p.Max
}

// ParseReadings reads what 'pqcoap-node get -json' shows of a telemetry resource, and returns
// the number of readings.
func ParseReadings(b []byte) (int, error) {
	var answer struct {
		Code    string `json:"code"`
		Payload []struct {
			Value *float64 `json:"v"`
		} `json:"payload"`
	}
	if err := unmarshal(b, &answer); err != nil {
		return 0, err
	}
	if answer.Code != "2.05" {
		return 0, fmt.Errorf("%w: the answer is not 2.05", ErrResult)
	}
	for _, reading := range answer.Payload {
		if reading.Value == nil {
			return 0, fmt.Errorf("%w: a reading has no v", ErrFormat)
		}
	}
	return len(answer.Payload), nil
}

// unmarshal reads one JSON value and nothing behind it.
func unmarshal(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: more than one JSON value", ErrFormat)
	}
	return nil
}

// A Queue is what the kernel counts of netem.
type Queue struct {
	Sent, Dropped, Reordered int // datagrams; netem counts one that it reorders as requeued
}

var queue = regexp.MustCompile(`(?s)^qdisc netem .*\n Sent \d+ bytes (\d+) pkt \(dropped (\d+), overlimits \d+ requeues (\d+)\)`)

// ParseQueue reads the output of 'tc -s qdisc show dev lo'.
func ParseQueue(b []byte) (q Queue, err error) {
	match := queue.FindSubmatch(b)
	if match == nil {
		return q, fmt.Errorf("%w: no counters of netem", ErrFormat)
	}
	for i, to := range []*int{&q.Sent, &q.Dropped, &q.Reordered} {
		if *to, err = strconv.Atoi(string(match[i+1])); err != nil {
			return q, fmt.Errorf("%w: a counter: %w", ErrFormat, err)
		}
	}
	return q, nil
}
