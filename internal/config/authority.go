package config

var authorityTable = Table{
	Name: "authority", Form: Single, Reload: true,
	Doc: "Credentials of an authority, where the folder has one: see pqcoap-server ca.",
	Keys: []Key{
		{Name: "name", Kind: Text, Default: "server", Min: 1, Max: 64,
			Doc: "The server's name in its credential. A device that trusts an authority expects it: servers that must not stand in for each other need different names."},
		{Name: "may_issue", Kind: Bool, Default: true,
			Doc: "Whether devices get credentials here, if the private key of the authority is in the folder: when they are enrolled by a code, and when they renew."},
		{Name: "device_lifetime", Kind: Int, Default: 2160, Min: 1, Max: maxHours, Unit: "hours",
			Doc: "How long a device's credential is good. Devices renew it when a third of that is left."},
		{Name: "server_lifetime", Kind: Int, Default: 2160, Min: 1, Max: maxHours, Unit: "hours",
			Doc: "How long the server's own credential is good. It is renewed when a third of that is left."},
	},
}
