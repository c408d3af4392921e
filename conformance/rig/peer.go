package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"sync"

	"github.com/pqcoap/pqcoap/handshake"
)

// A Place is where a peer runs.
type Place func(ctx context.Context) (in io.WriteCloser, out io.ReadCloser, wait func() error, err error)

// Inside is within this process: for tests.
func Inside(ctx context.Context) (io.WriteCloser, io.ReadCloser, func() error, error) {
	fromUs, in := io.Pipe()
	out, toUs := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := Serve(ctx, fromUs, toUs)
		toUs.CloseWithError(err)
		ended <- err
	}()
	return in, out, func() error { return <-ended }, nil
}

// Process is a process of its own, by a command that calls Serve with its streams.
func Process(name string, args ...string) Place {
	return func(context.Context) (io.WriteCloser, io.ReadCloser, func() error, error) {
		cmd := exec.Command(name, args...)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, nil, nil, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, nil, nil, err
		}
		return in, out, cmd.Wait, cmd.Start()
	}
}

// A Peer is a server or an echo, as who measures it sees it. Its methods are safe for concurrent
// use.
type Peer struct {
	Addr       netip.AddrPort
	Credential *handshake.ServerCredential // nil for an echo

	in   io.WriteCloser
	wait func() error

	mu    sync.Mutex
	say   *json.Encoder
	words *json.Decoder
}

// Start starts a peer and waits until it serves.
func Start(ctx context.Context, cfg Config, at Place) (*Peer, error) {
	in, out, wait, err := at(ctx)
	if err != nil {
		return nil, fmt.Errorf("rig: a peer does not start: %w", err)
	}
	p := &Peer{in: in, wait: wait, say: json.NewEncoder(in), words: json.NewDecoder(out)}
	if err := p.begin(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("rig: a peer does not serve: %w", err), p.Close())
	}
	return p, nil
}

func (p *Peer) begin(cfg Config) error {
	var first started
	if err := p.exchange(cfg, &first); err != nil {
		return err
	}
	if first.Error != "" {
		return errors.New(first.Error)
	}
	addr, err := netip.ParseAddrPort(first.Addr)
	if err == nil && !cfg.Echo {
		p.Credential, err = handshake.ParseServerCredential(first.Credential)
	}
	p.Addr = addr
	return err
}

func (p *Peer) exchange(ask, answer any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.say.Encode(ask); err != nil {
		return err
	}
	return p.words.Decode(answer)
}

func (p *Peer) ask(what string) (r Report, err error) {
	if err = p.exchange(what, &r); err != nil {
		err = fmt.Errorf("rig: the peer does not answer: %w", err)
	}
	return r, err
}

// Report is what the peer uses now.
func (p *Peer) Report() (Report, error) { return p.ask(askReport) }

// Settle is Report when the peer has collected its garbage and given back what is free.
func (p *Peer) Settle() (Report, error) { return p.ask(askSettle) }

// Recheck has the server ask about every session; Took says for how long.
func (p *Peer) Recheck() (Report, error) { return p.ask(askRecheck) }

// Close ends the peer.
func (p *Peer) Close() error {
	p.in.Close()
	return p.wait()
}
