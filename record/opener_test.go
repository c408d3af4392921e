package record

import (
	"bytes"
	"errors"
	"testing"
)

// form is one form of the header, with the session it belongs to.
type form struct {
	first  byte
	id     ConnectionID
	epoch  uint64
	record []byte
	opener *Conn
}

const formContent = "the content"

// forms returns a record with each form of the header in each of four epochs.
func forms(t testing.TB) (all []form) {
	t.Helper()
	for _, suite := range []CipherSuite{AES128GCMSHA256, AES256GCMSHA384} {
		for _, hex := range []string{"", "05", "c001020304050607"} {
			for bits := range byte(4) {
				for epoch := uint64(firstEpoch); epoch < firstEpoch+4; epoch++ {
					all = append(all, newForm(t, suite, testID(t, hex), bits<<2, epoch))
				}
			}
		}
	}
	return all
}

func newForm(t testing.TB, suite CipherSuite, id ConnectionID, bits byte, epoch uint64) form {
	t.Helper()
	_, c := testPair(t, suite, id)
	s, err := newSealer(suite, testSecret(suite, 1), epoch, id)
	if err != nil {
		t.Fatal(err)
	}
	c.receive[0].epoch = epoch
	c.receive[0].window = window{next: 1000}
	first := fixedBits | bits | byte(epoch&epochMask)
	if id.Len() > 0 {
		first |= bitC
	}
	record := s.protect(nil, first, 990, ApplicationData, []byte(formContent))
	return form{first, id, epoch, record, c}
}

func (f form) checkRejected(t *testing.T, what string, n int, record []byte) {
	t.Helper()
	before := stateOf(f.opener)
	r, _, err := f.opener.Open(record)
	if !errors.Is(err, ErrRejected) || r.Content != nil {
		t.Fatalf("%08b, %s %d: %+v, error = %v, want %v", f.first, what, n, r, err, ErrRejected)
	}
	if stateOf(f.opener) != before {
		t.Fatalf("%08b, %s %d: rejected, but the state changed", f.first, what, n)
	}
}

func (f form) checkOpens(t *testing.T) {
	t.Helper()
	r, rest, err := f.opener.Open(bytes.Clone(f.record))
	if err != nil || rest != nil {
		t.Fatalf("%08b: rest %x, error %v", f.first, rest, err)
	}
	if string(r.Content) != formContent || r.Type != ApplicationData || r.Epoch != f.epoch || r.Sequence != 990 {
		t.Fatalf("%08b: %+v", f.first, r)
	}
}

func TestEveryTruncation(t *testing.T) {
	for _, f := range forms(t) {
		for n := range f.record {
			f.checkRejected(t, "prefix", n, bytes.Clone(f.record[:n]))
		}
		f.checkOpens(t)
	}
}

func TestEveryByteFlipped(t *testing.T) {
	for _, f := range forms(t) {
		for i := range f.record {
			for bit := range 8 {
				changed := bytes.Clone(f.record)
				changed[i] ^= 1 << bit
				f.checkRejected(t, "flipped byte", i, changed)
			}
		}
		f.checkOpens(t)
		f.checkRejected(t, "replay", 0, bytes.Clone(f.record))
	}
}

func TestTrailingBytes(t *testing.T) {
	for _, f := range forms(t) {
		longer := append(bytes.Clone(f.record), 0)
		if f.first&bitL == 0 {
			f.checkRejected(t, "one byte more", 0, longer)
			f.checkOpens(t)
			continue
		}
		if _, rest, err := f.opener.Open(longer); err != nil || len(rest) != 1 {
			t.Errorf("%08b: rest %x, error %v", f.first, rest, err)
		}
	}
}

// A stateless reset looks like a record that does not open, and its token is
// the end of the datagram: rejecting may not overwrite it.
func TestRejectedKeepsToken(t *testing.T) {
	for _, f := range forms(t) {
		for n := range len(f.record) {
			changed := bytes.Clone(f.record[:len(f.record)-n])
			changed[len(changed)-1] ^= 1
			token := bytes.Clone(changed[max(0, len(changed)-tagSize):])
			f.checkRejected(t, "token", n, changed)
			if !bytes.HasSuffix(changed, token) {
				t.Fatalf("%08b, %d bytes: token overwritten", f.first, len(changed))
			}
		}
	}
}

// sealInner seals a DTLSInnerPlaintext as a peer could that pads or is broken.
func sealInner(t *testing.T, inner []byte) []byte {
	t.Helper()
	s := testSealer(t, ConnectionID{})
	record := []byte{fixedBits | firstEpoch, 0}
	record = s.aead.Seal(record, s.nonceOf(0), inner, record)
	newHeader(record[0], 0).xor(record, s.maskOf(record[2:]))
	return record
}

func TestInnerPlaintext(t *testing.T) {
	zeros := make([]byte, MaxContent)
	for _, tc := range []struct {
		name    string
		inner   []byte
		want    error
		content string
		t       ContentType
	}{
		{"plain", []byte("abc\x17"), nil, "abc", ApplicationData},
		{"padded", []byte("abc\x17\x00\x00\x00"), nil, "abc", ApplicationData},
		{"padded to the limit", append([]byte("\x17"), zeros...), nil, "", ApplicationData},
		{"zeros in the content", []byte("a\x00\x00\x16\x00"), nil, "a\x00\x00", Handshake},
		{"empty content", []byte("\x1a"), nil, "", ACK},
		{"all zeros", []byte("\x00\x00\x00"), errContentType, "", 0},
		{"nothing", nil, errContentType, "", 0},
		{"unknown type", []byte("abc\x18"), errContentType, "", 0},
		{"padded beyond the limit", append([]byte("\x17\x00"), zeros...), errSize, "", 0},
	} {
		_, c := testPair(t, AES128GCMSHA256, ConnectionID{})
		before := stateOf(c)
		r, _, err := c.Open(sealInner(t, tc.inner))
		if !errors.Is(err, tc.want) || string(r.Content) != tc.content || r.Type != tc.t {
			t.Errorf("%s: %v %q, error = %v, want %v", tc.name, r.Type, r.Content, err, tc.want)
		}
		if err != nil && (!errors.Is(err, ErrRejected) || stateOf(c) != before || c.receive[0].failed != 0) {
			t.Errorf("%s: error %v, or state changed", tc.name, err)
		}
	}
}

// What is too short for the mask, or longer than any record, is no attempt at
// the key (RFC 9147 section 4.2.3, RFC 8446 section 5.2).
func TestCiphertextSize(t *testing.T) {
	for _, tc := range []struct {
		size   int
		want   error
		failed uint64
	}{
		{0, errSize, 0},
		{minCiphertext - 1, errSize, 0},
		{minCiphertext, errNotAuthentic, 1},
		{maxCiphertext, errNotAuthentic, 1},
		{maxCiphertext + 1, errSize, 0},
	} {
		_, c := testPair(t, AES128GCMSHA256, ConnectionID{})
		record := append([]byte{fixedBits | firstEpoch, 0}, make([]byte, tc.size)...)
		if _, _, err := c.Open(record); !errors.Is(err, tc.want) || c.receive[0].failed != tc.failed {
			t.Errorf("%d bytes: error = %v, want %v; %d failed", tc.size, err, tc.want, c.receive[0].failed)
		}
	}
}

func TestFailedLimit(t *testing.T) {
	device, server := testPair(t, AES128GCMSHA256, ConnectionID{})
	genuine := mustSeal(t, device, "x")
	forged := bytes.Clone(genuine)
	forged[len(forged)-1] ^= 1
	o := server.receive[0]
	for _, tc := range []struct {
		failed, after uint64
		want          error
	}{
		{0, 1, errNotAuthentic},
		{failedLimit - 1, failedLimit, errNotAuthentic},
		{failedLimit, failedLimit, errExhausted},
	} {
		o.failed = tc.failed
		if _, _, err := server.Open(bytes.Clone(forged)); !errors.Is(err, tc.want) || o.failed != tc.after {
			t.Errorf("after %d: error = %v, want %v; then %d, want %d", tc.failed, err, tc.want, o.failed, tc.after)
		}
	}
	if _, _, err := server.Open(bytes.Clone(genuine)); !errors.Is(err, ErrRejected) {
		t.Errorf("genuine at the limit: error = %v", err)
	}
	o.failed = failedLimit - 1
	if _, _, err := server.Open(genuine); err != nil {
		t.Errorf("genuine below the limit: %v", err)
	}
}
