package conformance

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const modelFolder = "../docs/model"

// A modelQuery is one query of a .pv file: its id is the comment before it.
type modelQuery struct {
	id, text string
}

// A modelRun is what RESULTS records of one run of ProVerif.
type modelRun struct {
	sha256  string
	results []string // the RESULT lines as ProVerif printed them, in the order of the queries
}

var (
	queryID   = regexp.MustCompile(`\(\* ([A-Z][0-9]) \*\)`)
	eventName = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]*\(`)
	errModel  = errors.New("docs/model")
)

// parseQueries returns the queries of a .pv file in the order in which ProVerif answers
// them. A query ends with ";" or ".".
func parseQueries(pv string) []modelQuery {
	var queries []modelQuery
	for _, at := range queryID.FindAllStringSubmatchIndex(pv, -1) {
		text := pv[at[1]:]
		if end := strings.IndexAny(text, ";."); end >= 0 {
			text = text[:end]
		}
		queries = append(queries, modelQuery{id: pv[at[2]:at[3]], text: text})
	}
	return queries
}

// parseResults reads RESULTS: for each file a line "file NAME", then "sha256 HEX",
// "time ..." and the RESULT lines.
func parseResults(text string) (map[string]*modelRun, error) {
	runs := make(map[string]*modelRun)
	var run *modelRun
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case word == "file":
			if runs[rest] != nil {
				return nil, fmt.Errorf("%w: RESULTS has %s twice", errModel, rest)
			}
			run = &modelRun{}
			runs[rest] = run
		case run == nil: // the lines about the run as a whole
		case word == "sha256":
			run.sha256 = rest
		case word == "RESULT":
			run.results = append(run.results, line)
		}
	}
	return runs, nil
}

// parseTables reads the README: under a heading "## NAME.pv", each row of a table is
// "| ids | meaning | verdict |". The result maps file and id to the verdict.
func parseTables(text string) (map[string]map[string]string, error) {
	tables := make(map[string]map[string]string)
	file := ""
	for line := range strings.Lines(text) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			file = strings.TrimSpace(heading)
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || !strings.HasSuffix(file, ".pv") {
			continue
		}
		for _, id := range strings.Fields(cells[1]) {
			if !queryID.MatchString("(* " + id + " *)") {
				continue // the head of the table
			}
			if tables[file] == nil {
				tables[file] = make(map[string]string)
			}
			if _, twice := tables[file][id]; twice {
				return nil, fmt.Errorf("%w: README has %s of %s twice", errModel, id, file)
			}
			tables[file][id] = strings.TrimSpace(cells[3])
		}
	}
	return tables, nil
}

// verdict returns "true" or "false" of a RESULT line, and anything else as it is: ProVerif
// also says "cannot be proved".
func verdict(result string) string {
	for _, v := range []string{"true", "false"} {
		if strings.HasSuffix(result, " is "+v+".") {
			return v
		}
	}
	return result
}

// checkModel compares one .pv file with its run and its rows in the README.
func checkModel(pv []byte, run *modelRun, rows map[string]string) error {
	if run == nil {
		return fmt.Errorf("%w: no entry in RESULTS", errModel)
	}
	if sum := sha256.Sum256(pv); hex.EncodeToString(sum[:]) != run.sha256 {
		return fmt.Errorf("%w: changed since the run in RESULTS", errModel)
	}
	queries := parseQueries(string(pv))
	if len(queries) == 0 || len(queries) != len(run.results) {
		return fmt.Errorf("%w: %d queries with an id, %d RESULT lines", errModel, len(queries), len(run.results))
	}
	for i, q := range queries {
		result := run.results[i]
		// The events in a RESULT line are those of its query, in the same order.
		if want, got := eventName.FindAllString(q.text, -1), eventName.FindAllString(result, -1); !slices.Equal(want, got) {
			return fmt.Errorf("%w: %s has the events %v, its RESULT line %v", errModel, q.id, want, got)
		}
		if got := verdict(result); rows[q.id] != got {
			return fmt.Errorf("%w: %s is %q in README and %q in RESULTS", errModel, q.id, rows[q.id], got)
		}
	}
	if len(rows) != len(queries) {
		return fmt.Errorf("%w: %d ids in README, %d queries", errModel, len(rows), len(queries))
	}
	return nil
}

func readModel(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(modelFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestModelResults holds the README of the model to what ProVerif said of these very files.
func TestModelResults(t *testing.T) {
	runs, err := parseResults(string(readModel(t, "RESULTS")))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := parseTables(string(readModel(t, "README.md")))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(modelFolder, "*.pv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no model files: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if err := checkModel(readModel(t, name), runs[name], tables[name]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(runs) != len(files) || len(tables) != len(files) {
		t.Errorf("%d files, %d entries in RESULTS, %d tables in README", len(files), len(runs), len(tables))
	}
}

// TestModelRuns runs the quick files again where there is a ProVerif.
func TestModelRuns(t *testing.T) {
	runs, err := parseResults(string(readModel(t, "RESULTS")))
	if err != nil {
		t.Fatal(err)
	}
	proverif, lookErr := exec.LookPath("proverif")
	if lookErr != nil {
		t.Log("no proverif on the path: the recorded results were compared only")
	}
	for _, name := range []string{"downgrade.pv", "identity.pv", "reset.pv", "resume.pv"} {
		if runs[name] == nil {
			t.Errorf("%s: no entry in RESULTS", name)
			continue
		}
		if lookErr != nil {
			continue
		}
		out, err := exec.Command(proverif, filepath.Join(modelFolder, name)).Output()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := resultLines(out); !slices.Equal(got, runs[name].results) {
			t.Errorf("%s: results differ from RESULTS:\n%s", name, strings.Join(got, "\n"))
		}
	}
}

func resultLines(out []byte) []string {
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		if strings.HasPrefix(s.Text(), "RESULT ") {
			lines = append(lines, s.Text())
		}
	}
	return lines
}

// TestCheckModel shows that checkModel finds each way in which the parts can disagree.
func TestCheckModel(t *testing.T) {
	pv := []byte("query (* A1 *) event(Accepts(x)) ==> event(Sends(x));\n (* R1 *) event(Sends(x)).")
	sum := sha256.Sum256(pv)
	hash := hex.EncodeToString(sum[:])
	proved := "RESULT event(Accepts(x_1)) ==> event(Sends(x_1)) is true."
	reached := "RESULT not event(Sends(x_1)) is false."
	rows := map[string]string{"A1": "true", "R1": "false"}
	for _, c := range []struct {
		name string
		run  *modelRun
		rows map[string]string
		good bool
	}{
		{"agree", &modelRun{hash, []string{proved, reached}}, rows, true},
		{"no entry", nil, rows, false},
		{"changed file", &modelRun{strings.Repeat("0", 64), []string{proved, reached}}, rows, false},
		{"no results", &modelRun{hash, nil}, rows, false},
		{"result missing", &modelRun{hash, []string{proved}}, rows, false},
		{"order", &modelRun{hash, []string{reached, proved}}, rows, false},
		{"other verdict", &modelRun{hash, []string{proved, reached}}, map[string]string{"A1": "false", "R1": "false"}, false},
		{"not proved", &modelRun{hash, []string{strings.Replace(proved, "is true", "cannot be proved", 1), reached}}, rows, false},
		{"not in README", &modelRun{hash, []string{proved, reached}}, map[string]string{"A1": "true"}, false},
		{"README has more", &modelRun{hash, []string{proved, reached}}, map[string]string{"A1": "true", "R1": "false", "R2": "true"}, false},
	} {
		if err := checkModel(pv, c.run, c.rows); (err == nil) != c.good || (err != nil && !errors.Is(err, errModel)) {
			t.Errorf("%s: error = %v", c.name, err)
		}
	}
}
