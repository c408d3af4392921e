package config

import (
	"errors"
	"strings"
	"testing"
)

// sample has every kind of key and table.
var sample = File{
	Keys: []Key{
		{Name: "listen", Kind: Text, Default: "x", Min: 1, Doc: "D."},
		{Name: "echo", Kind: Text, OneOf: []string{"auto", "always"}},
		{Name: "on", Kind: Bool, Default: true},
		{Name: "count", Kind: Int, Default: 7, Min: 1, Max: 9, Unit: "s"},
	},
	Tables: []Table{
		{Name: "route", Keys: []Key{{Name: "path", Kind: Text, Min: 1}, {Name: "upstream", Kind: Text, Max: 4}}, Example: "[[route]]\npath = \"/\""},
		{Name: "limits", Form: Single, Keys: []Key{{Name: "most", Kind: Int, Default: 5, Max: 9}}},
		{Name: "group", Form: Named, Keys: []Key{{Name: "allow", Kind: Texts, Min: 1, Max: 8}}, Example: "[group.a]"},
	},
}

type sampled struct {
	Listen string `toml:"listen"`
	Echo   string `toml:"echo"`
	On     bool   `toml:"on"`
	Count  int    `toml:"count"`
	Routes []struct {
		Path string `toml:"path"`
	} `toml:"route"`
	Limits struct {
		Most int `toml:"most"`
	} `toml:"limits"`
	Groups map[string]struct {
		Allow []string `toml:"allow"`
	} `toml:"group"`
}

func TestDecode(t *testing.T) {
	var v sampled
	if err := sample.Defaults(&v); err != nil {
		t.Fatal(err)
	}
	lines, err := sample.Decode([]byte("count = 3\n[[route]]\npath = \"/a\"\n[[route]]\npath = \"/b\"\n[group.\"a.b\"]\nallow = [\n\"GET /\",\n]\n"), &v)
	if err != nil {
		t.Fatal(err)
	}
	if v.Limits.Most != 5 || v.Listen != "x" || !v.On || v.Count != 3 || len(v.Routes) != 2 || v.Routes[1].Path != "/b" || v.Groups["a.b"].Allow[0] != "GET /" {
		t.Errorf("%+v", v)
	}
	for path, want := range map[string]string{
		"count": "line 1: x", "route[0].path": "line 3: x", "route[1]": "line 4: x", "route[1].upstream": "line 4: x",
		"group.a.b.allow": "line 7: x", "listen": "x",
	} {
		if err := lines.Problem(path, "x"); err.Error() != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func TestDecodeProblems(t *testing.T) {
	for text, want := range map[string]string{
		"count = 10":                               "line 1: count: want a whole number, 1 to 9 s",
		"\ncount = 0":                              "line 2: count: want a whole number, 1 to 9 s",
		"count = \"3\"":                            "line 1: count has the wrong type: want a whole number, 1 to 9 s",
		"count = 1.5":                              "line 1: count has the wrong type: want a whole number, 1 to 9 s",
		"on = 1":                                   "line 1: on has the wrong type: want true or false",
		"listen = \"\"":                            "line 1: listen: want text in quotes, not empty",
		"echo = \"never\"":                         `line 1: echo: want "auto" or "always"`,
		"lsiten = \"x\"":                           `line 1: unknown key "lsiten": did you mean listen?`,
		"port = 1":                                 `line 1: unknown key "port": the keys are listen, echo, on, count, route, limits, group`,
		"[[rout]]\npath = \"/\"":                   `line 1: unknown key "rout": did you mean route?`,
		"[[route]]\n\npaht = \"/\"":                `line 3: unknown key "route[0].paht": did you mean path?`,
		"[[route]]\nto = 1":                        `line 2: unknown key "route[0].to": the keys are path, upstream`,
		"[[route]]\n[[route]]\npath=1":             "line 3: route[1].path has the wrong type: want text in quotes, not empty",
		"[route]\npath = \"/\"":                    "line 1: route: want a table that begins with [[route]]",
		"route = 1":                                "line 1: route: want a table that begins with [[route]]",
		"[group]\nx = 1":                           "line 2: group: want a table that begins with [group.NAME]",
		"[[group]]":                                "line 1: group: want a table that begins with [group.NAME]",
		"[group.\"a b\"]":                          `line 1: [group.NAME]: a name has 1 to 64 letters, digits, "-", "_", "." and ":"`,
		"[group.a]\nalow = []":                     `line 2: unknown key "group.a.alow": did you mean allow?`,
		"[group.a]\nallow = [1]":                   "line 2: group.a.allow has the wrong type: want list of texts in quotes of 1 to 8 bytes",
		"[group.a]\nallow = [\"\"]":                "line 2: group.a.allow: want list of texts in quotes of 1 to 8 bytes",
		"[limits]\n\nmost = 10":                    "line 3: limits.most: want a whole number, 0 to 9",
		"[limits]\nlow = 1":                        `line 2: unknown key "limits.low": the keys are most`,
		"[[limits]]":                               "line 1: limits: want a table that begins with [limits]",
		"count = 3\nlisten = ":                     "line 2: not TOML",
		"count = 3\ncount = 3":                     "line 2: not TOML",
		"x = \"\"\"\ncount = 1\n\"\"\"\ncount = 0": "line 1: unknown key \"x\": the keys are listen, echo, on, count, route, limits, group\nline 4: count: want a whole number, 1 to 9 s",
		"count = 0\non = 0":                        "line 1: count: want a whole number, 1 to 9 s\nline 2: on has the wrong type: want true or false",
	} {
		v := sampled{Count: 5}
		_, err := sample.Decode([]byte(text), &v)
		var found Problems
		if !errors.As(err, &found) || err.Error() != want {
			t.Errorf("%q:\n%v\nwant\n%s", text, err, want)
		}
		if v.Count != 5 || v.Routes != nil {
			t.Errorf("%q has changed what was there: %+v", text, v)
		}
	}
}

// An error is no way to fill a terminal, or to get a value on it.
func TestDecodeProblemsBounded(t *testing.T) {
	var many strings.Builder
	for range 100 {
		many.WriteString("[[route]]\nsecretsecret" + strings.Repeat("k", 1000) + " = \"hidden\"\n")
	}
	_, err := sample.Decode([]byte(many.String()), new(sampled))
	var found Problems
	if !errors.As(err, &found) || len(found) != maxProblems || len(err.Error()) > maxProblems*120 || strings.Contains(err.Error(), "hidden") {
		t.Errorf("%d problems, %d bytes", len(found), len(err.Error()))
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Server.Commented())
	f.Add([]byte("[group.a]\nallow = [\"x\"]\n[[route]]\npath = '''/'''\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v sampled
		if _, err := sample.Decode(b, &v); err == nil && (v.Count < 0 || v.Count > 9) {
			t.Errorf("accepted %+v", v)
		}
		Server.Decode(b, new(map[string]any))
	})
}
