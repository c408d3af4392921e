package server

import (
	"slices"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/server/authority"
)

// A standing is who the server of a folder is to devices, and whom it believes about them. It does
// not change: what the files say later is another.
type standing struct {
	handshake.Unprintable
	keys       keyring
	ca         *CA
	tokens     map[handshake.Suite]authority.Token // the newest of each current key
	identities []handshake.Identity                // the current ones first
	pins       map[[8]byte][8]byte                 // kid_S of the pinned form of a key, by that of any form
	until      time.Time                           // when something of it expires, or is to be renewed; zero: never
}

// loadStanding reads the keys, the authorities and the server's own credentials.
func loadStanding(path string, o *opener, now time.Time) (*standing, error) {
	st := &standing{tokens: map[handshake.Suite]authority.Token{}, pins: map[[8]byte][8]byte{}}
	var err error
	if st.keys, err = loadKeys(path, o); err != nil {
		return nil, err
	}
	if st.ca, err = loadCA(path, o); err != nil {
		return nil, err
	}
	for _, key := range st.keys.all() {
		all, err := loadTokens(path, key.Suite())
		if err != nil {
			return nil, err
		}
		own := slices.DeleteFunc(all.Valid(st.ca.Trusted, now, key.Suite()), func(t authority.Token) bool { return !t.Of(key.Public()) })
		if err := st.add(key, own); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// add takes in a key with its credentials, the newest first.
func (st *standing) add(key *handshake.PrivateKey, tokens []authority.Token) error {
	id := key.Identity()
	pin := id.Pinned().KeyID()
	st.pins[pin] = pin
	var forms [][]byte
	for _, token := range tokens {
		forms = append(forms, token.Bytes)
		st.expires(token.Claims.Expires.Add(authority.Skew))
	}
	id, err := id.Certified(forms...)
	if err != nil {
		return err
	}
	for _, token := range forms {
		cred, err := handshake.NewCertifiedCredential(key.Public(), token)
		if err != nil {
			return err
		}
		st.pins[cred.KeyID()] = pin
	}
	st.identities = append(st.identities, id)
	if keyOf(st.keys.current, key.Suite()) == key && len(tokens) > 0 {
		st.tokens[key.Suite()] = tokens[0]
	}
	return nil
}

func (st *standing) expires(at time.Time) {
	if st.until.IsZero() || at.Before(st.until) {
		st.until = at
	}
}

// stale tells whether what was loaded is not true any more.
func (st *standing) stale(now time.Time) bool { return !st.until.IsZero() && !now.Before(st.until) }

// renew makes credentials for the current keys that have none, or one that is due. It tells whether
// it has made any. Without the private key of the authority there is nothing that it can do.
func (st *standing) renew(path string, o *opener, name string, lifetime time.Duration, now time.Time) (renewed []*cwt.Claims, err error) {
	if st.ca.Issuer == nil {
		return nil, nil
	}
	for _, key := range st.keys.current {
		if token, ok := st.tokens[key.Suite()]; ok && !due(token, st.ca.Own, name, now) {
			continue
		}
		token, claims, err := st.ca.Issue(now, cwt.UsageServer, name, key.Public(), lifetime)
		if err != nil {
			return renewed, err
		}
		if err := addToken(path, o, st.ca.Trusted, token, key.Suite(), now); err != nil {
			return renewed, err
		}
		renewed = append(renewed, claims)
	}
	return renewed, nil
}

// due tells whether the server's credential is to be followed by another: soon over, of another
// authority, or with a name that is not the server's any more.
func due(token authority.Token, own *authority.Trust, name string, now time.Time) bool {
	return token.Trust != own || token.Claims.Subject != name || authority.Due(token.Claims, now)
}

// identities are those of a folder, or of keys that no authority vouches for.
func (cfg *Config) identities() (ids []handshake.Identity) {
	if cfg.dir != nil {
		return cfg.dir.standing.Load().identities
	}
	for _, k := range cfg.Keys {
		ids = append(ids, k.Identity())
	}
	return ids
}
