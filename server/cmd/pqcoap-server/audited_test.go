package main

import (
	"os"
	"strings"
	"testing"
)

// Each change that the operator makes has one line, with a server and without; what fails has none.
func TestAudited(t *testing.T) {
	both(t, func(t *testing.T) {
		write(t, "names.csv", "name\nx\ny\n")
		for _, text := range []string{
			"enroll a", "invite b -json", "import names.csv -out files", "permit a -allow GET_/time", "suspend a", "resume a",
			"revoke a", "remove a b", "revoke never -unseen",
		} {
			line(t, 0, text)
		}
		line(t, 1, "revoke nobody")
		line(t, 1, "enroll x -out other.toml")
		var events []string
		for _, l := range strings.Split(read(t, "home/audit.log"), "\n") {
			if f := strings.Split(l, `"`); len(f) > 11 {
				events = append(events, f[7]+" "+f[11])
			}
		}
		const want = "enrolled a, invited b, enrolled x, enrolled y, permitted a, suspended a, reinstated a, " +
			"revoked a, removed a, removed b, revoked never"
		if got := strings.Join(events, ", "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

func TestNotAudited(t *testing.T) {
	newFolder(t, "3")
	write(t, "home/server.toml", strings.Replace(read(t, "home/server.toml"), "# audit = true", "audit = false", 1))
	line(t, 0, "enroll a")
	if _, err := os.Stat("home/audit.log"); !os.IsNotExist(err) {
		t.Errorf("there is a log: %v", err)
	}
}
