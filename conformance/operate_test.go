package conformance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// sampleNames are all names that a query can have.
func sampleNames(families []*dto.MetricFamily) map[string]bool {
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
		if f.GetType() == dto.MetricType_HISTOGRAM || f.GetType() == dto.MetricType_SUMMARY {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				names[f.GetName()+suffix] = true
			}
		}
	}
	return names
}

var metricName = regexp.MustCompile(`\b(?:pqcoap|go|process)_[a-z_]+\b`)

// TestOperateNames: each metric that the dashboard, the rules and the guide name is one of the
// server's, and the dashboard shows all of these.
func TestOperateNames(t *testing.T) {
	_, families := scrape(t)
	names := sampleNames(families)
	for _, file := range []string{"grafana-dashboard.json", "alerts.yml", "alerts_test.yml", "README.md"} {
		for _, name := range metricName.FindAllString(read(t, "docs/operate/"+file), -1) {
			if !names[name] {
				t.Errorf("%s: no server has %s", file, name)
			}
		}
	}
	dashboard := read(t, "docs/operate/grafana-dashboard.json")
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "pqcoap_") && !strings.Contains(dashboard, f.GetName()) {
			t.Errorf("the dashboard does not show %s", f.GetName())
		}
	}
}

// TestAlertRules: each rule is explained in the guide, and no other is. promtool, where there is
// one, takes the rules, and they do what alerts_test.yml says.
func TestAlertRules(t *testing.T) {
	text, guide := read(t, "docs/operate/alerts.yml"), read(t, "docs/operate/README.md")
	rules := regexp.MustCompile(`(?m)^\s+- alert: (\w+)$`).FindAllStringSubmatch(text, -1)
	explained := regexp.MustCompile(`(?m)^### (Pqcoap\w+)$`).FindAllStringSubmatch(guide, -1)
	if len(rules) < 20 || !slices.EqualFunc(rules, explained, func(a, b []string) bool { return a[1] == b[1] }) {
		t.Errorf("rules %v, explained %v; want the same in this order", rules, explained)
	}
	for _, part := range []string{"expr:", "labels: {severity: ", "summary: ", "description: "} {
		if n := strings.Count(text, part); n != len(rules) {
			t.Errorf("%d times %q in %d rules", n, part, len(rules))
		}
	}
	tool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("no promtool: it is in the package prometheus")
		}
		t.Skip("no promtool to try the rules with: it is in the package prometheus")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.Command(tool, args...)
		cmd.Dir = filepath.Join("..", "docs", "operate")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// A panel is what the test looks at in a panel of a dashboard.
type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *struct{ UID string }
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Options                  struct{ YAxis struct{ Unit string } }
	Targets                  []struct{ RefID, Expr, LegendFormat string }
}

// TestDashboard: Grafana can import it. Each panel has a title, a description, a unit, and queries
// with legends on the data source and servers that are chosen; none lies on another.
func TestDashboard(t *testing.T) {
	var d struct {
		UID, Title    string
		SchemaVersion int
		Panels        []panel
		Templating    struct{ List []struct{ Name, Type string } }
	}
	if err := json.Unmarshal([]byte(read(t, "docs/operate/grafana-dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 36 || len(d.Templating.List) != 3 || d.Templating.List[0].Type != "datasource" {
		t.Errorf("%q %q, schema %d, variables %v", d.UID, d.Title, d.SchemaVersion, d.Templating.List)
	}
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %d %q: a number twice, or no title", p.ID, p.Title)
		}
		ids[p.ID] = true
		at := p.GridPos
		if at.W < 1 || at.H < 1 || at.X+at.W > 24 {
			t.Errorf("%q is at %+v of 24 columns", p.Title, at)
		}
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%q lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" {
			checkPanel(t, p)
		}
	}
}

func checkPanel(t *testing.T, p panel) {
	t.Helper()
	unit := p.FieldConfig.Defaults.Unit + p.Options.YAxis.Unit
	if p.Description == "" || unit == "" || p.Datasource == nil || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
		t.Errorf("%q: want a description, a unit, the data source, and queries", p.Title)
	}
	selector := regexp.MustCompile(`\{[^{}]*instance=~"\$instance",job=~"\$job"[^{}]*\}`)
	refs := map[string]bool{}
	for _, q := range p.Targets {
		if refs[q.RefID] || q.LegendFormat == "" || !balanced(q.Expr) {
			t.Errorf("%q: query %s %q, legend %q", p.Title, q.RefID, q.Expr, q.LegendFormat)
		}
		refs[q.RefID] = true
		if n := len(metricName.FindAllString(q.Expr, -1)); n == 0 || n != len(selector.FindAllString(q.Expr, -1)) {
			t.Errorf("%q: %d metrics in %q, not all of the servers that are chosen", p.Title, n, q.Expr)
		}
	}
}

func balanced(expr string) bool {
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(expr, pair[:1]) != strings.Count(expr, pair[1:]) {
			return false
		}
	}
	return true
}
