// Package cwt makes and verifies the credentials of an authority: tokens that vouch for the
// KEM key of a server or device, so that nobody has to pin it (docs/protocol.md section 17).
// A token is a CWT (RFC 8392) with the key as its confirmation (RFC 8747), signed with ML-DSA
// (FIPS 204) as a COSE_Sign1 (RFC 9052, RFC 9964).
//
// An operator makes an [Authority] once and issues tokens; devices and servers have its
// [AuthorityKey]:
//
//	authority, err := cwt.GenerateAuthority(rand.Reader, cwt.MLDSA65)
//	token, err := authority.Issue(rand.Reader, cwt.Claims{...})
//	claims, err := authority.Public().Verify(token, cwt.Want{...})
//	cred, err := handshake.NewCertifiedCredential(claims.Key, token)
//
// The package does no I/O and reads no clock. An Authority and an AuthorityKey do not change;
// they are for any number of goroutines.
package cwt
