// The command hello is the least that a Go program with a UDP socket is: it says hello to itself,
// and waits for SIGINT.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
)

func main() {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	if err := hello(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-interrupted
}

func hello() error {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	if _, err := conn.WriteTo([]byte("hello"), conn.LocalAddr()); err != nil {
		return err
	}
	b := make([]byte, 16)
	n, err := conn.Read(b)
	fmt.Printf("%s\n", b[:n])
	return err
}
