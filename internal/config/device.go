package config

// Device is a device's file.
var Device = File{
	Name: "The device's file",
	Intro: "`pqcoap-node init` or `pqcoap-server enroll` writes it, mode 0600: it holds the device's private key. What it does not " +
		"say has the default.",
	Keys: []Key{
		{Name: "name", Kind: Text, Doc: "The device's own name, for logs. The server has its own records."},
		{Name: "server", Kind: Text, Doc: "host, host:port or coap+pq://host:port."},
		{Name: "server_key", Kind: Text, Doc: "The server's credential, pinned whole: base64url without padding. This, fingerprint, authority or trust."},
		{Name: "fingerprint", Kind: Text, Doc: "SHA-256 of the server's credential, which is fetched: 64 hex digits, as pqcoap-server fingerprint prints them."},
		{Name: "authority", Kind: Text, Doc: "Key of the authority that vouches for the server, which is fetched with its credential: a COSE_Key, base64url without padding. It needs issuer and server_name."},
		{Name: "issuer", Kind: Text, Max: maxClaim, Doc: "Name that the authority issues credentials under."},
		{Name: "server_name", Kind: Text, Max: maxClaim, Doc: "Name that the server's credential has to have."},
		{Name: "trust", Kind: Text, OneOf: []string{"first-use"}, Doc: "The server is trusted with the key that it has when it is first met, and with no other from then on. It needs state, where that key is kept."},
		{Name: "clock", Kind: Text, Default: "trusted", OneOf: []string{"trusted", "none"}, Doc: "Whether the time of the system is gone by when credentials are judged. none: a device that has no clock which goes on while it is off."},
		{Name: "suite", Kind: Int, Min: 1, Max: 4, Doc: "1 X-Wing, 2 ML-KEM-768, 3 ML-KEM-512, 4 ML-KEM-1024. It has to be there."},
		{Name: "key", Kind: Text, Doc: "The device's key object, KEM key or pre-shared key, perhaps sealed under a passphrase (pqcoap-node passphrase): base64url without padding. Without one the device is anonymous."},
		{Name: "credential", Kind: Text, Doc: "What the authority has signed of the device's key, base64url without padding. One that was renewed is with the state."},
		{Name: "max_udp_payload", Kind: Int, Default: 1232, Min: minUDPPayload, Max: maxUDPPayload, Unit: "bytes",
			Doc: "Largest UDP payload sent and expected."},
		{Name: "idle_timeout", Kind: Int, Default: 0, Min: 0, Max: maxSeconds, Unit: "seconds",
			Doc: "After how long without a record the server may forget the session. 0: when the server wants to."},
		{Name: "state", Kind: Text, Doc: "File for what outlives the program, ticket and session, and beside it what is learnt of the server: named from the folder of this file. Without one there is none."},
		{Name: "rekey_age", Kind: Int, Default: 0, Min: 0, Max: maxSeconds, Unit: "seconds",
			Doc: "Age at which the keys of a session are replaced. 0: at the limits of the cipher only."},
		{Name: "rekey_records", Kind: Int, Default: 0, Min: 0, Max: 1<<63 - 1, Unit: "records",
			Doc: "Records after which the keys of a session are replaced. 0: at the limits of the cipher only."},
		{Name: "fresh_after", Kind: Int, Default: 604800, Min: 0, Max: maxSeconds, Unit: "seconds",
			Doc: "Age at which the secrets of a handshake are replaced by those of another. 0: never."},
		{Name: "keep_alive", Kind: Int, Default: 0, Min: 0, Max: maxSeconds, Unit: "seconds",
			Doc: "After how long without a datagram sent the server is asked for a sign of life, so that a NAT remembers the device. 0: never, as suits a device that sleeps."},
		{Name: "spread", Kind: Int, Default: 10, Min: 0, Max: maxSeconds, Unit: "seconds",
			Doc: "Over how long devices come back whose sessions the server has lost. 0: not at all."},
	},
}

// maxClaim is the longest name in a credential, bytes.
const maxClaim = 64
