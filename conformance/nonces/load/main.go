// The command load is a device under load for the tests of conformance/nonces, to be killed. It
// wakes, asks what it can for a few milliseconds, and sleeps, or now and then does not, again and
// again. With a second argument it does so once, and sleeps.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/pqcoap/pqcoap/node"
)

func main() {
	if err := run(os.Args[1], len(os.Args) > 2); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string, single bool) error {
	cfg, err := node.LoadConfig(file)
	if err != nil {
		return err
	}
	if single {
		return once(cfg, 20*time.Millisecond, true)
	}
	for {
		if err := once(cfg, time.Duration(rand.N(20))*time.Millisecond, rand.N(4) != 0); err != nil {
			return err
		}
	}
}

// once is one stretch of being awake.
func once(cfg node.Config, awake time.Duration, sleep bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := node.Dial(ctx, "", cfg)
	if err != nil {
		return err
	}
	until := time.Now().Add(awake)
	var all sync.WaitGroup
	failed := make(chan error, 3)
	for range cap(failed) {
		all.Go(func() {
			for time.Now().Before(until) {
				if _, err := conn.Get(ctx, "/"); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	if !sleep {
		return conn.Close()
	}
	return conn.Sleep(ctx)
}
