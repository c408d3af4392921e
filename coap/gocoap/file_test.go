package gocoap

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/mux"

	"github.com/pqcoap/pqcoap/coap"
)

func TestFile(t *testing.T) {
	for _, size := range []int{0, 1, smallFile, smallFile + 1, 10 << 20} {
		want := bytes.Repeat([]byte("firmware"), size/8+1)[:size]
		name := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(name, want, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		p := newPeer(t)
		r := p.request(coap.GET)
		got := serve(t, r, func(w mux.ResponseWriter, _ *mux.Message) {
			w.SetResponse(coap.ContentCode, message.AppOctets, f)
		})
		body := got.Payload
		if streams := r.Content != nil; streams != (size > smallFile) {
			t.Errorf("%d bytes: streams %v", size, streams)
		} else if streams {
			body, err = io.ReadAll(io.NewSectionReader(r.Content, 0, r.Content.Size()))
			if _, closes := r.Content.(io.Closer); closes {
				t.Error("the session would close the handler's file")
			}
		}
		if err != nil || !bytes.Equal(body, want) || got.Code != coap.ContentCode {
			t.Errorf("%d bytes: %v, %d bytes, %v", size, got.Code, len(body), err)
		}
	}
}
