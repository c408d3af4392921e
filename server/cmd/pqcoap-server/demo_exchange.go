package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"

	"github.com/pqcoap/pqcoap/coap"
	"github.com/pqcoap/pqcoap/node"
	"github.com/pqcoap/pqcoap/server/senml"
)

// shakeHands opens a session through the relay, makes a first request and shows what passed.
func (d *demo) shakeHands(ctx context.Context) error {
	d.device.Server = d.relay.addr()
	d.relay.restart()
	conn, err := node.Dial(ctx, "", d.device)
	if err != nil {
		return err
	}
	d.conn = conn
	opened := d.relay.elapsed()
	answer, err := conn.Get(ctx, "/time")
	first := d.relay.elapsed()
	if err := answered("GET /time", answer, err, codes.Content); err != nil {
		return err
	}
	d.print("\n3  Handshake and first request (GET /time): each datagram, timed from Dial\n\n")
	d.print("   %10s  %-8s %7s   %s\n", "time", "from", "bytes", "what")
	sums := d.datagrams(d.relay.trace())
	st := conn.Stats()
	d.print("\n   m1            %d B in %s, sent at %s\n", st.M1, datagramCount(sums.m1), sums.m1.first())
	d.print("   m2            %d B in %s, here at %s, opened at %s\n", st.M2, datagramCount(sums.m2), sums.m2.last(), ms(opened))
	d.print("   handshake     %d B in %d datagrams, with all that CoAP adds\n", sums.bytes, sums.datagrams)
	d.print("   first answer  at %s, inside a record\n", ms(first))
	return d.names(conn)
}

// answered checks the outcome of a request.
func answered(request string, answer coap.Message, err error, want codes.Code) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", request, err)
	case answer.Code != want:
		return fmt.Errorf("%s: the server answered %v", request, answer.Code)
	}
	return nil
}

// names shows what the session is called, by both sides.
func (d *demo) names(conn *node.Conn) error {
	id := conn.Session().SessionID
	session, name := d.lastRequest()
	if session != hex.EncodeToString(id[:]) || name != d.device.Name {
		return errors.New("the server and the device do not agree on the session")
	}
	d.print("   session       %x...  at both sides; the server sees %s\n", id[:8], name)
	return nil
}

// A flight is the datagrams that carry one message.
type flight []captured

func (f flight) first() string {
	if len(f) == 0 {
		return "-"
	}
	return ms(f[0].at)
}

func (f flight) last() string {
	if len(f) == 0 {
		return "-"
	}
	return ms(f[len(f)-1].at)
}

func datagramCount(f flight) string { return fmt.Sprintf("%d datagrams", len(f)) }

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// handshakeSums are of the datagrams outside records.
type handshakeSums struct {
	m1, m2           flight
	bytes, datagrams int
}

// datagrams prints a line for each and sums up those of the handshake.
func (d *demo) datagrams(trace []captured) (sums handshakeSums) {
	for _, c := range trace {
		from := "device"
		if c.fromServer {
			from = "server"
		}
		what, p := c.describe()
		d.print("   %10s  %-8s %7d   %s\n", ms(c.at), from, len(c.bytes), what)
		if c.isRecord() {
			continue
		}
		sums.bytes += len(c.bytes)
		sums.datagrams++
		switch p {
		case ofM1:
			sums.m1 = append(sums.m1, c)
		case ofM2:
			sums.m2 = append(sums.m2, c)
		}
	}
	return sums
}

// readingCount is how many readings the demonstration posts.
const readingCount = 10

// telemetry posts readings, one a request, and fetches them.
func (d *demo) telemetry(ctx context.Context) error {
	d.relay.restart()
	now := time.Now().Unix()
	for i := range readingCount {
		pack, err := senml.Append(nil, senml.CBOR, []senml.Record{{
			Name: d.device.Name + "/temperature", Unit: "Cel", Kind: senml.Number,
			Number: celsius(i), Time: float64(now - readingCount + int64(i)),
		}})
		if err != nil {
			return err
		}
		answer, err := d.conn.Post(ctx, "/telemetry", message.AppSenmlCbor, pack)
		if err := answered("POST /telemetry", answer, err, codes.Changed); err != nil {
			return err
		}
	}
	trace := d.relay.trace()
	values, err := d.readings(ctx)
	if err != nil {
		return err
	}
	if len(values) != readingCount {
		return fmt.Errorf("%d readings came back, not %d", len(values), readingCount)
	}
	d.print("\n4  Ten readings (POST /telemetry, SenML in CBOR), each answered when on disk\n\n")
	d.print("   came back     %s Cel\n", strings.Join(values, " "))
	return d.sizes(trace)
}

func celsius(i int) float64 { return 20 + float64(i)/4 }

// readings fetches what the server has kept, and checks it.
func (d *demo) readings(ctx context.Context) ([]string, error) {
	answer, err := d.conn.Get(ctx, "/telemetry?last="+strconv.Itoa(2*readingCount))
	if err := answered("GET /telemetry", answer, err, codes.Content); err != nil {
		return nil, err
	}
	records, err := senml.Parse(senml.CBOR, answer.Payload, time.Now())
	if err != nil {
		return nil, err
	}
	var values []string
	for i, r := range records {
		if r.Number != celsius(i) {
			return nil, fmt.Errorf("reading %d is not what was posted", i+1)
		}
		values = append(values, strconv.FormatFloat(r.Number, 'f', 2, 64))
	}
	return values, nil
}

// sizes shows what records add to CoAP messages in each direction.
func (d *demo) sizes(trace []captured) error {
	for _, fromServer := range []bool{false, true} {
		c, extra, ok := oneRecord(trace, fromServer)
		if !ok {
			return errors.New("no record was seen")
		}
		direction := "to the server"
		if fromServer {
			direction = "to the device"
		}
		d.print("   %s %d B: %d B of CoAP and %d B for the record\n", direction, len(c.bytes), len(c.bytes)-extra, extra)
	}
	return nil
}

// oneRecord finds a datagram with a single record from one side.
func oneRecord(trace []captured, fromServer bool) (c captured, overhead int, ok bool) {
	for _, c := range trace {
		if n, single := c.overhead(); single && c.fromServer == fromServer {
			return c, n, true
		}
	}
	return c, 0, false
}
