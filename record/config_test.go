package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// No way of printing or encoding a Config shows a secret.
func TestConfigHidesSecrets(t *testing.T) {
	cfg := Config{Suite: AES128GCMSHA256, SendSecret: []byte("send secret"), ReceiveSecret: []byte("receive secret")}
	text, _ := json.Marshal(cfg)
	conn, _ := testPair(t, AES128GCMSHA256, ConnectionID{})
	printed := fmt.Sprintf("%v %+v %#v %s %x %q %d %v %+v", cfg, cfg, cfg, cfg, cfg, cfg, cfg, &cfg, conn) + string(text)
	for _, s := range []string{"secret", "73656372", "115 101", "0x73", "c2VjcmV0"} {
		if strings.Contains(printed, s) {
			t.Errorf("%q is in %s", s, printed)
		}
	}
	for _, other := range []Config{
		{Suite: cfg.Suite, SendSecret: []byte("another"), ReceiveSecret: cfg.ReceiveSecret},
		{Suite: cfg.Suite, SendSecret: cfg.SendSecret, ReceiveSecret: []byte("another")},
	} {
		if other.String() == cfg.String() {
			t.Errorf("another secret does not show: %v", other)
		}
	}
}
