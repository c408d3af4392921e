package config

// Bounds that more than one key has.
const (
	minUDPPayload = 80 // an IPv6 packet of 128 bytes
	maxUDPPayload = 65527
	maxSeconds    = 1<<31 - 1
	maxHours      = 10 * 365 * 24
)

// Server is server.toml.
var Server = File{
	Name:  "server.toml",
	About: "A pqcoap server. Lines that start with # are comments; what they show is the default. docs/configuration.md has all keys.",
	Intro: "In the server's folder; `pqcoap-server init` writes it, with all keys and their defaults.",
	Keys: []Key{
		{Name: "listen", Kind: Text, Default: ":5688", Min: 1, Written: true,
			Doc: "UDP address to listen on. Without a host: all addresses of the machine."},
		{Name: "shards", Kind: Int, Default: 0, Min: 0, Max: 64,
			Doc: "Parts of the server that work at the same time, each with sockets of its own. 0: one a core. On other systems than Linux there is one."},
		{Name: "echo", Kind: Text, Default: "auto", OneOf: []string{"auto", "always"}, Written: true, Reload: true,
			Doc: `Whether a device has to prove its address before the server works for it: "auto" (under load only; one round trip less) or "always".`},
		{Name: "anonymous", Kind: Bool, Default: false, Written: true, Reload: true,
			Doc: "Whether devices without a credential get in. They have no name, and the built-in application gives them no telemetry."},
		{Name: "audit", Kind: Bool, Default: true, Reload: true,
			Doc: "Whether audit.log in the folder gets a line of JSON for each admission, refusal, enrolment, rotation and revocation."},
		{Name: "max_udp_payload", Kind: Int, Default: 1232, Min: minUDPPayload, Max: maxUDPPayload, Unit: "bytes",
			Doc: "Largest UDP payload sent and expected."},
		{Name: "idle_timeout", Kind: Int, Default: 172800, Min: 1, Max: maxSeconds, Unit: "seconds", Reload: true,
			Doc: "How long a session without a record is kept."},
		{Name: "resume", Kind: Bool, Default: true,
			Doc: "Whether a device may begin a session by a ticket of the one before, which costs less than a handshake. Who gets hold of tickets.cbor can be any device: see docs/guides/restarts.md."},
		{Name: "ticket_lifetime", Kind: Int, Default: 720, Min: 1, Max: maxHours, Unit: "hours", Reload: true,
			Doc: "How long from its last full handshake a device can resume."},
		{Name: "ticket_rotation", Kind: Int, Default: 72, Min: 0, Max: maxHours, Unit: "hours", Reload: true,
			Doc: "After how long a new key seals the tickets: at least a part in 12 of ticket_lifetime. 0: no new keys but those of pqcoap-server rotate-tickets."},
		{Name: "resume_small", Kind: Int, Default: 16, Min: 0, Max: 255, Reload: true,
			Doc: "How often in a row a device may resume without a fresh ML-KEM key. Without one, who steals a ticket key or a device's secret later can read the session; with one, not."},
		{Name: "resume_small_age", Kind: Int, Default: 168, Min: 0, Max: maxHours, Unit: "hours", Reload: true,
			Doc: "How long from the last ML-KEM key a device may resume without one."},
		{Name: "update_after_hours", Kind: Int, Default: 0, Min: 0, Max: maxHours, Unit: "hours", Reload: true,
			Doc: "Age at which the keys of a session are replaced; of sessions that begin after a reload. 0: only before the limits of AES-GCM."},
		{Name: "update_after_records", Kind: Int, Default: 0, Min: 0, Max: 1<<31 - 1, Unit: "records", Reload: true,
			Doc: "Records after which the keys of a session are replaced; of sessions that begin after a reload. 0: only before the limits of AES-GCM."},
		{Name: "save_sessions", Kind: Bool, Default: true, Reload: true,
			Doc: "Whether SIGTERM saves the sessions to sessions.cbor, encrypted, for the next start, so that devices go on as if nothing had been. If not, they are told that their session has ended."},
		{Name: "drain_timeout", Kind: Int, Default: 10, Min: 0, Max: 3600, Unit: "seconds", Reload: true,
			Doc: "How long requests under way have to be answered in, on SIGTERM."},
	},
	Tables: []Table{limitsTable, adminTable, authorityTable, groupTable, routeTable},
}

var groupTable = Table{
	Name: "group", Form: Named, Reload: true,
	Doc: `What the devices of a group may ask for: methods or *, a space, and a path in which * stands for one segment and for the rest where it is last. A device without groups is in "default"; where that is not written, every enrolled device may ask for everything. A device without a name is in "anonymous", where that is written, or else in "default".`,
	Keys: []Key{
		{Name: "allow", Kind: Texts, Min: 1, Max: 512, Doc: `Rules such as "GET /time" and "POST,PUT /telemetry/*". What no rule allows is answered 4.03.`},
	},
	Example: `[group.default]
allow = ["GET /time", "POST /telemetry"]`,
}

var routeTable = Table{
	Name: "route", Form: Array,
	Doc: `Requests for a path and what is below it can go to a plain CoAP server, or to the built-in application; the longest path decides.`,
	Keys: []Key{
		{Name: "path", Kind: Text, Min: 1, Doc: `"/" or a path such as "/a/b".`},
		{Name: "upstream", Kind: Text, Min: 1, Doc: `coap://host:port, or "builtin".`},
		{Name: "identity", Kind: Text, Default: "none",
			Doc: `How the upstream learns the device's authenticated name: by a query parameter ("query:NAME"), an option ("option:NUMBER"), or not ("none").`},
		{Name: "unencrypted", Kind: Bool, Default: false,
			Doc: "Allows an upstream that is not on loopback: what goes there is not encrypted."},
	},
	Example: `[[route]]
path = "/"
upstream = "coap://127.0.0.1:5683"
identity = "query:device"

[[route]]
path = "/telemetry"
upstream = "builtin"`,
}
