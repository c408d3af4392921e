package server

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/pqcoap/pqcoap/handshake"
	"github.com/pqcoap/pqcoap/handshake/cwt"
	"github.com/pqcoap/pqcoap/server/authority"
)

// maxTokensFile is beyond 16 credentials of the largest size.
const maxTokensFile = 128 << 10

// tokensFile has the credentials of the server's keys of a suite.
func tokensFile(path string, suite handshake.Suite) string {
	return filepath.Join(path, keysFolder, fmt.Sprintf("suite-%d.cwt", suite))
}

// loadTokens reads them. There may be none.
func loadTokens(path string, suite handshake.Suite) (authority.Tokens, error) {
	name := tokensFile(path, suite)
	b, err := readBounded(name, maxTokensFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tokens, err := authority.ParseTokens(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: not the server's credentials: without them, remove the file", ErrDir, name)
	}
	return tokens, nil
}

// addToken puts a credential in front of those of its suite. What is not valid any more, or is of a
// key that is gone, is dropped.
func addToken(path string, o *opener, set *authority.Set, token []byte, suite handshake.Suite, now time.Time) error {
	return changeKeys(path, o, func(k keyring) error {
		all, err := loadTokens(path, suite)
		if err != nil {
			return err
		}
		var kept authority.Tokens
		for _, v := range all.With(token).Valid(set, now, suite) {
			if slices.ContainsFunc(k.all(), func(key *handshake.PrivateKey) bool { return v.Of(key.Public()) }) {
				kept = append(kept, v.Bytes)
			}
		}
		return replaceFile(tokensFile(path, suite), kept.Append(nil))
	})
}

// InstallToken gives the server a credential that was issued elsewhere, for a key that it has, by an
// authority that it trusts. It returns what the credential says. A server that runs has it within a
// second. ask is for the passphrase, where the keys are sealed.
func InstallToken(path string, token []byte, ask Passphrase, now time.Time) (*cwt.Claims, error) {
	o := &opener{ask: ask}
	defer o.wipe()
	st, err := loadStanding(path, o, now)
	if err != nil {
		return nil, err
	}
	why := error(cwt.ErrSuite)
	for _, key := range st.keys.current {
		claims, _, err := st.ca.Trusted.VerifyServer(now, token, key.Suite())
		switch {
		case errors.Is(err, cwt.ErrSuite):
			continue
		case err != nil:
			why = err
		case claims.Key.DeviceID() != key.Public().DeviceID():
			why = errors.New("it is for another key")
		default:
			return claims, addToken(path, o, st.ca.Trusted, token, key.Suite(), now)
		}
	}
	return nil, fmt.Errorf("%w: the credential is not for this server: %w", ErrCA, why)
}
