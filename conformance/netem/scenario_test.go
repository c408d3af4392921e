package netem

import (
	"regexp"
	"testing"
)

func TestScenarioAppend(t *testing.T) {
	s := Scenario{Name: "loss", Netem: "loss 10%", Handshakes: 40, Readings: 10}
	if got, want := string(s.Append([]byte("x\n"))), "x\nloss|40|10|loss 10%\n"; got != want {
		t.Errorf("Append = %q, want %q", got, want)
	}
}

// What run.sh splits at bars, and makes file names of.
func TestScenarios(t *testing.T) {
	line := regexp.MustCompile(`^[a-z]+\|[1-9][0-9]*\|[1-9][0-9]*\|[a-z0-9 %]*\n$`)
	names := make(map[string]bool)
	for _, s := range Scenarios {
		if text := s.Append(nil); !line.Match(text) {
			t.Errorf("%q is not a line for run.sh", text)
		}
		if names[s.Name] {
			t.Errorf("two scenarios are named %s", s.Name)
		}
		names[s.Name] = true
	}
}
