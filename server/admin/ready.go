package admin

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// checkedFor is how long the result of the checks is good for: they write to the disk.
const checkedFor = time.Second

// healthy answers whether the server has its socket.
func (a *Admin) healthy(w http.ResponseWriter, _ *http.Request) {
	if !a.cfg.Server.Status().Serving {
		a.say(w, []string{"socket"})
		return
	}
	a.say(w, nil)
}

// ready answers whether the server takes devices. What does not work is named, and no more; why is
// in the log.
func (a *Admin) ready(w http.ResponseWriter, _ *http.Request) {
	var broken []string
	st := a.cfg.Server.Status()
	if !st.Serving {
		broken = append(broken, "socket")
	}
	if st.Draining {
		broken = append(broken, "draining")
	}
	a.say(w, append(broken, a.check()...))
}

func (a *Admin) say(w http.ResponseWriter, broken []string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if len(broken) == 0 {
		fmt.Fprintln(w, "ok")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, what := range broken {
		fmt.Fprintln(w, "not ok:", what)
	}
}

// check tries what the server needs, at most once in checkedFor.
func (a *Admin) check() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.checked.IsZero() && time.Since(a.checked) < checkedFor {
		return a.broken
	}
	var broken []string
	for _, c := range a.cfg.Checks {
		if err := c.Err(); err != nil {
			broken = append(broken, c.Name)
			if !slices.Contains(a.broken, c.Name) {
				a.log.Error("not ready", "check", c.Name, "error", err)
			}
		}
	}
	a.checked, a.broken = time.Now(), broken
	return broken
}
