package main

import (
	"fmt"

	"github.com/pqcoap/pqcoap/internal/cli"
	"github.com/pqcoap/pqcoap/server"
	"github.com/pqcoap/pqcoap/server/admin"
	"github.com/pqcoap/pqcoap/server/app"
)

// operate listens for those who operate the server, if its settings say so, until what it returns
// is called.
func operate(folder *server.Dir, srv *server.Server, application *app.App, std cli.Streams) (stop func(), err error) {
	if folder.Settings.Admin.Listen == "" {
		return func() {}, nil
	}
	a, err := admin.Listen(admin.Config{
		Settings: folder.Settings.Admin, Server: srv, Log: std.Log,
		Checks: []admin.Check{{Name: "folder", Err: folder.Writable}, {Name: "telemetry", Err: application.Err}},
	})
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(std.Out, "admin listener on %s\n", a.Addr())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := a.Serve(); err != nil {
			std.Log.Error("admin listener", "error", err)
		}
	}()
	return func() { a.Close(); <-done }, nil
}
