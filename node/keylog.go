//go:build keylog

package node

import (
	"fmt"
	"os"
)

// keyLogFile names the file that this build, and only this, writes the secrets of sessions to.
const keyLogFile = "PQCOAP_KEYLOG"

// logKeys writes down what a record of the session can be opened with, before the first leaves. It
// is for the test which looks for nonces that are used twice: see conformance/nonces.
func logKeys(l *strand) {
	f, err := os.OpenFile(os.Getenv(keyLogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		panic(err) // records would leave that nobody can attribute
	}
	defer f.Close()
	r := l.device.Result()
	if l.woken {
		_, err = fmt.Fprintf(f, "waking %x\n", r.SessionID)
	} else {
		_, err = fmt.Fprintf(f, "%s %x %d %x %x %x %x\n", l.origin(), r.SessionID, r.Suite.RecordSuite(),
			r.ConnectionID, []byte(r.SendSecret), []byte(r.ReceiveSecret), r.ResetToken)
	}
	if err != nil {
		panic(err)
	}
}
