package server

import "time"

// AuthoritySettings is the table [authority] of server.toml: credentials of an authority, where the
// folder has one. Each field is a row of config.Server.
type AuthoritySettings struct {
	Name           string `toml:"name"`            // of the server, in its credential
	MayIssue       bool   `toml:"may_issue"`       // credentials for devices
	DeviceLifetime int    `toml:"device_lifetime"` // of these, hours
	ServerLifetime int    `toml:"server_lifetime"` // of the server's own, hours
}

// deviceLifetime and serverLifetime are those of credentials.
func (a *AuthoritySettings) deviceLifetime() time.Duration {
	return time.Duration(a.DeviceLifetime) * time.Hour
}

func (a *AuthoritySettings) serverLifetime() time.Duration {
	return time.Duration(a.ServerLifetime) * time.Hour
}
