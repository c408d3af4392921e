package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pqcoap/pqcoap/node"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What is exported and imported elsewhere is the same, in both formats; the keys that are made fit
// the files that are written.
func TestExportImport(t *testing.T) {
	both(t, func(t *testing.T) {
		write(t, "names.csv", "name,groups,allow,state\na,meters  pumps,GET /time; POST /a%3Bb,\nb,,,suspended\nc,,,\n")
		if out := line(t, 0, "import names.csv -out files"); out != "imported  3 devices\nfiles     3 in files\n" {
			t.Errorf("import: %q", out)
		}
		write(t, "more.json", `{"name":"d"}`+"\n\n"+`{"name":"e","groups":["x"]}`)
		line(t, 0, "import more.json -out files -psk -server example.com")
		for _, name := range []string{"a", "c", "e"} {
			cfg, err := node.LoadConfig(filepath.Join("files", name+".toml"))
			if err != nil {
				t.Fatal(err)
			}
			d := device(cfg)
			if id := summary(&d).ID; !strings.Contains(line(t, 0, "show "+name+" -json"), id) {
				t.Errorf("%s: the file has another key than the server", name)
			}
		}
		line(t, 0, "revoke c")
		for _, format := range []string{"csv", "json"} {
			line(t, 0, "export all."+format+" -secrets")
			if code, _, errs := command(t, "init", "-dir", "other-"+format, "-suite", "3"); code != 0 {
				t.Fatal(errs)
			}
			code, out, errs := command(t, "import", "-dir", "other-"+format, "all."+format)
			if code != 0 || out != "imported  5 devices\n" {
				t.Fatalf("%s: %s%s", format, out, errs)
			}
			command(t, "export", "-dir", "other-"+format, "again."+format, "-secrets")
			if first, second := read(t, "all."+format), read(t, "again."+format); first != second || !strings.Contains(first, "%3Bb") {
				t.Errorf("%s: exported\n%.2000s\nand again\n%.2000s", format, first, second)
			}
		}
		if out := line(t, 0, "export open.csv"); !strings.Contains(out, "exported  5 devices") || !strings.Contains(out, "-secrets writes them") || !strings.Contains(out, "devices=2") {
			t.Errorf("export: %s", out)
		}
		if out := line(t, 1, "export open.csv"); !strings.Contains(out, "open.csv exists") {
			t.Error(out)
		}
		if out := line(t, 1, "import all.csv"); !strings.Contains(out, "nothing was imported: line 2: already enrolled: name a") {
			t.Error(out)
		}
	})
}

// One wrong line, and nothing is imported, no file is left; the error says which and why.
func TestImportRefused(t *testing.T) {
	both(t, func(t *testing.T) {
		line(t, 0, "enroll taken")
		for i, c := range []struct{ format, text, want string }{
			{"csv", "", "line 1: empty"},
			{"csv", "nam\na\n", `line 1: column "nam": there are name, state`},
			{"csv", "name,name\na,b\n", "line 1: column name: twice"},
			{"csv", "suite\n3\n", "line 1: want a column name"},
			{"csv", "name\na\n\nb,c\n", "line 4: wrong number of fields"},
			{"csv", "name\na\n\"b\n", "line 3: extraneous or missing"},
			{"csv", "name\na\na\n", "line 3: files/a.toml exists"},
			{"csv", "name\na\ntaken\n", "line 3: already enrolled: name taken"},
			{"csv", "name\na\n../b\n", `line 3: name "../b": want 1 to 64`},
			{"csv", "name,suite\na,3\nb,5\n", "line 3: suite: want a number from 1 to 4"},
			{"csv", "name,suite\na,x\n", "line 2: suite: want a number"},
			{"csv", "name,suite\na,1\n", "line 2: the server has no key of suite 1"},
			{"csv", "name,state\na,lost\n", "line 2: invalid device: state: want enrolled"},
			{"csv", "name,origin\na,mars\n", "line 2: invalid device: origin: want operator"},
			{"csv", "name,enrolled\na,today\n", "line 2: enrolled: want a time"},
			{"csv", "name,allow\na,GET time\n", "line 2: invalid device: a: permission"},
			{"csv", "name,groups\na,b/c\n", "line 2: invalid device: a: group 1"},
			{"csv", "name,id,psk\na,,AAAA\n", "line 2: psk: want 32 bytes"},
			{"csv", "name,id,public_key\na,00,AAAA\n", "line 2: id: want 16 bytes"},
			{"csv", "name,public_key\na,AAAA\n", "line 2: public_key: want a key of suite ML-KEM-512, 800 bytes"},
			{"csv", "name,public_key,psk\na,AAAA,AAAA\n", "line 2: public_key and psk: want one"},
			{"json", "", "imported  0"},
			{"json", "x", "line 1: not JSON"},
			{"json", "[\n{\"name\":\"a\"},\n{\"nam\":\"b\"}]", `line 3: unknown field "nam": there are name`},
			{"json", "[\n{\"name\":\"a\"},\n\n{\"name\":7}]", "line 4: name: want string, have number"},
			{"json", "{\"name\":\"a\"}\n7", "line 2: want an object, have number"},
			{"json", "[\n{\"name\":\"a\"}", "line 2: want ] at the end"},
			{"json", "{\"name\":\"a\"}\n{\"name\":\"taken\"}", "line 2: already enrolled: name taken"},
		} {
			file := fmt.Sprintf("%d.%s", i, c.format)
			write(t, file, c.text)
			code := 1
			if c.text == "" && c.format == "json" {
				code = 0
			}
			if out := line(t, code, "import "+file+" -out files"); !strings.Contains(out, c.want) {
				t.Errorf("%q: %q, want %q", c.text, out, c.want)
			}
			if left, _ := filepath.Glob("files/*"); len(left) != 0 {
				t.Fatalf("%q: files are left: %v", c.text, left)
			}
		}
		if out := line(t, 0, "list -json"); strings.Count(out, "\n") != 1 {
			t.Errorf("devices:\n%s", out)
		}
		write(t, "keyless.csv", "name\na\n")
		if out := line(t, 1, "import keyless.csv"); !strings.Contains(out, "line 2: want public_key, or psk and id") {
			t.Error(out)
		}
		if out := line(t, 2, "import keyless.txt"); !strings.Contains(out, "want csv or json, since") {
			t.Error(out)
		}
	})
}

// Ten thousand devices go in and out, beside a server and without one.
func TestImportMany(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand keys")
	}
	both(t, func(t *testing.T) {
		var b strings.Builder
		b.WriteString("name,id,psk\n")
		for i := range 10000 {
			fmt.Fprintf(&b, "device-%d,%032x,%s\n", i, i, base64url.EncodeToString(fmt.Appendf(nil, "%032d", i+1)))
		}
		write(t, "many.csv", b.String())
		if out := line(t, 0, "import many.csv"); out != "imported  10000 devices\n" {
			t.Errorf("import: %s", out)
		}
		if out := line(t, 0, "export back.json -secrets"); !strings.Contains(out, "10000 devices") {
			t.Errorf("export: %s", out)
		}
		if n := strings.Count(line(t, 0, "list"), "\n"); n != 10001 {
			t.Errorf("list has %d lines", n)
		}
	})
}
