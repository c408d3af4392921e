package config

// adminTable is the listener for those who operate a server.
var adminTable = Table{
	Name: "admin", Form: Single,
	Doc: "A listener for those who operate the server: metrics for Prometheus, and whether it is well. It asks for no password. See docs/operate/README.md.",
	Keys: []Key{
		{Name: "listen", Kind: Text, Default: "",
			Doc: `TCP address to listen on, an IP address and a port such as "127.0.0.1:9688" or "[::1]:9688". Empty: there is no listener.`},
		{Name: "public", Kind: Bool, Default: false,
			Doc: "Allows an address that is not on loopback: whoever reaches it can read how many devices there are and what they do, but none of their names and addresses."},
		{Name: "pprof", Kind: Bool, Default: false,
			Doc: "Profiles of the program at /debug/pprof/, on loopback only."},
	},
}
