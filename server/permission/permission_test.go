package permission

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pqcoap/pqcoap/coap"
)

func set(t interface{ Fatal(...any) }, rules ...string) Set {
	s, err := Parse(rules)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each method and each shape of path, allowed and not.
func TestAllows(t *testing.T) {
	all := []coap.Code{coap.GET, coap.POST, coap.PUT, coap.DELETE, coap.FETCH, coap.PATCH, coap.IPATCH}
	for _, c := range []struct {
		rule    string
		methods []coap.Code
		yes, no []string // paths with segments between "|", "-" for the root
	}{
		{"GET /time", all[:1], []string{"time"}, []string{"-", "", "Time", "time|", "time|x", "|time", "tim", "time/", "/time"}},
		{"POST /", all[1:2], []string{"-"}, []string{"", "x", "|"}},
		{"PUT /*", all[2:3], []string{"-", "", "a", "a|b", "a/b", "|", "*"}, []string{".", "a|..", "..|a", "a|.|b"}},
		{"DELETE /a/*", all[3:4], []string{"a", "a|", "a|b", "a|b|c", "a|b/c"}, []string{"-", "ab", "b|a", "a/b", "a/", "A|b", "a|.."}},
		{"FETCH /a/*/c", all[4:5], []string{"a|b|c", "a||c", "a|*|c", "a|b/b|c"}, []string{"a|c", "a|b|b|c", "a|b|c|d", "a|b", "a|b/c", "a|..|c"}},
		{"PATCH /a%2Fb/%2A", all[5:6], []string{"a/b|*"}, []string{"a|b|*", "a%2Fb|*", "a/b|x", "a/b"}},
		{"IPATCH /a/", all[6:7], []string{"a|"}, []string{"a", "a|b", "a|/"}},
		{"GET,FETCH //x", []coap.Code{coap.GET, coap.FETCH}, []string{"|x"}, []string{"x", "/x", "-"}},
		{"* /%C3%A9", all, []string{"é"}, []string{"%C3%A9", "e"}},
		{"* /é/*/*", all, []string{"é|x", "é|x|y"}, []string{"é"}},
	} {
		s := set(t, c.rule)
		for _, method := range append([]coap.Code{0, 8, 15, 16, coap.Created, coap.ContentCode, 255}, all...) {
			may := slices.Contains(c.methods, method) || c.rule[0] == '*' && (method == 8 || method == 15)
			for _, path := range c.yes {
				if got := s.Allows(method, segments(path)); got != may {
					t.Errorf("%q: %d %q: %v", c.rule, method, path, got)
				}
			}
			for _, path := range c.no {
				if s.Allows(method, segments(path)) {
					t.Errorf("%q: %d %q is allowed", c.rule, method, path)
				}
			}
		}
	}
	if (Set{}).Allows(coap.GET, nil) || Set(nil).Allows(coap.GET, nil) {
		t.Error("a set without rules allows something")
	}
}

func segments(path string) []string {
	if path == "-" {
		return nil
	}
	return strings.Split(path, "|")
}

func TestRejectedRules(t *testing.T) {
	for _, rule := range []string{
		"", " ", "GET", "GET/x", "GET ", "GET x", "/x", " /x", "get /x", "Get /x", "GET, POST /x", "GET,,POST /x",
		",GET /x", "GET, /x", "HEAD /x", "*,GET /x", "** /x", "GET  /x", "GET /x y", "GET /x?y", "GET /x#y", "GET /x*",
		"GET /*x/y", "GET /**", "GET /%", "GET /%2", "GET /%zz", "GET /.", "GET /..", "GET /a/../b", "GET /%2E%2E", "GET /%2e",
		"GET /" + strings.Repeat("x", MaxRule),
	} {
		if s, err := Parse([]string{"GET /ok", rule}); !errors.Is(err, ErrRule) || s != nil {
			t.Errorf("%q: %v", rule, err)
		}
	}
}

// reference is what rules mean, said another way: by comparing the texts.
func reference(rules []string, method string, path []string) bool {
	for _, one := range path {
		if one == "." || one == ".." {
			return false
		}
	}
	for _, rule := range rules {
		list, pattern, _ := strings.Cut(rule, " ")
		if list != "*" && !slices.Contains(strings.Split(list, ","), method) {
			continue
		}
		escaped := ""
		for _, one := range path {
			escaped += "/" + strings.ReplaceAll(url.PathEscape(one), "*", "%2A")
		}
		if pattern == "/" {
			pattern = ""
		}
		if matches(pattern, escaped) {
			return true
		}
	}
	return false
}

// matches compares two escaped paths from the left. The empty one is the root.
func matches(pattern, path string) bool {
	if pattern == "/*" || pattern == path {
		return true
	}
	if pattern == "" || path == "" {
		return false
	}
	p, morePattern := cut(pattern)
	s, morePath := cut(path)
	return (p == "*" || p == s) && matches(morePattern, morePath)
}

// cut takes the first segment of "/a/b/c".
func cut(path string) (first, rest string) {
	at := strings.IndexByte(path[1:], '/')
	if at < 0 {
		return path[1:], ""
	}
	return path[1 : 1+at], path[1+at:]
}

func TestLikeReference(t *testing.T) {
	codes := map[string]coap.Code{"GET": coap.GET, "POST": coap.POST, "PUT": coap.PUT, "FETCH": coap.FETCH}
	names := []string{"GET", "POST", "PUT", "FETCH"}
	segment := rapid.SampledFrom([]string{"a", "b", "", "a/b", "*", "..", ".", "é", "%2F", "a b"})
	path := rapid.SliceOfN(segment, 0, 4)
	rule := rapid.Custom(func(t *rapid.T) string {
		list := "*"
		if rapid.Bool().Draw(t, "some") {
			list = strings.Join(rapid.SliceOfN(rapid.SampledFrom(names), 1, 3).Draw(t, "methods"), ",")
		}
		pattern := ""
		for _, one := range path.Draw(t, "pattern") {
			switch {
			case one == "." || one == "..":
			case rapid.IntRange(0, 3).Draw(t, "any") == 0:
				pattern += "/*"
			default:
				pattern += "/" + strings.ReplaceAll(url.PathEscape(one), "*", "%2A")
			}
		}
		if pattern == "" {
			pattern = "/"
		}
		return list + " " + pattern
	})
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOfN(rule, 0, 4).Draw(t, "rules")
		method := rapid.SampledFrom(names).Draw(t, "method")
		to := path.Draw(t, "path")
		if got, want := set(t, rules...).Allows(codes[method], to), reference(rules, method, to); got != want {
			t.Fatalf("%q: %s %q: %v, want %v", rules, method, to, got, want)
		}
	})
}

func FuzzParseRule(f *testing.F) {
	for _, rule := range []string{"GET /time", "POST,PUT /telemetry/*", "* /*", "GET /a%2Fb/*/c", "GET /%"} {
		f.Add(rule, "a/b")
	}
	f.Fuzz(func(t *testing.T, rule, path string) {
		if s, err := Parse([]string{rule}); err == nil {
			s.Allows(coap.GET, strings.Split(path, "/"))
		}
	})
}
