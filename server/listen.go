package server

import (
	"context"

	"github.com/pqcoap/pqcoap/coap"
)

// ListenAndServe serves the devices of a folder (see [InitDir]) on a UDP address, such as
// ":5688", until that fails. A program that wants to end it, or a log, makes a [Server].
func ListenAndServe(addr, dir string, h coap.Handler) error {
	folder, err := OpenDir(dir)
	if err != nil {
		return err
	}
	srv, err := New(folder.Config(h))
	if err != nil {
		return err
	}
	return srv.ListenAndServe(context.Background(), addr)
}
