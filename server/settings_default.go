package server

// defaultSettings is the file that InitDir writes.
const defaultSettings = `# A pqcoap server. Lines that start with # are comments; what they show is the default.

# UDP address to listen on. Without a host: all addresses of the machine.
listen = ":5688"

# Whether a device has to prove its address before the server works for it: "auto" (under
# load only; one round trip less) or "always".
echo = "auto"

# Whether devices without a credential get in. They have no name, and the built-in
# application gives them no telemetry.
anonymous = false

# Largest UDP payload sent and expected, in bytes.
# max_udp_payload = 1232

# Seconds without a record after which a session is forgotten.
# idle_timeout = 172800

# Whether a device may begin a session by a ticket of the one before, which costs less than a
# handshake. Who gets hold of tickets.cbor can be any device: see docs/guides/restarts.md.
# resume = true

# Hours from its last full handshake for which a device can resume.
# ticket_lifetime = 720

# Hours after which a new key seals the tickets; at least a part in 12 of ticket_lifetime. 0: no
# new keys but those of pqcoap-server rotate-tickets.
# ticket_rotation = 72

# How often in a row a device may resume without a fresh ML-KEM key (0 to 255), and for how many
# hours from the last one. Without one, who steals a ticket key or a device's secret later can
# read the session; with one, not.
# resume_small = 16
# resume_small_age = 168

# Hours and records after which the keys of a session are replaced; 0: only before the limits of
# AES-GCM.
# update_after_hours = 0
# update_after_records = 0

# Whether SIGTERM saves the sessions to sessions.cbor, encrypted, for the next start, so that
# devices go on as if nothing had been. If not, they are told that their session has ended.
# save_sessions = true

# Seconds that requests under way have to be answered in, on SIGTERM.
# drain_timeout = 10
` + defaultLimitsText + `
# Requests for a path and what is below it can go to a plain CoAP server, or to the built-in
# application; the longest path decides. The upstream learns the device's authenticated name
# by a query parameter ("query:NAME") or an option ("option:NUMBER"). One that is not on
# loopback needs unencrypted = true: what goes there is not encrypted.
# [[route]]
# path = "/"
# upstream = "coap://127.0.0.1:5683"
# identity = "query:device"
#
# [[route]]
# path = "/telemetry"
# upstream = "builtin"
`
