// Package permission says which requests a device may make: rules of methods and a path,
// such as "GET /time", "POST,PUT /telemetry/*" and "* /*".
//
//	set, err := permission.Parse([]string{"GET /time", "POST /telemetry/*"})
//	if !set.Allows(r.Code, segments) {
//		return coap.Status(coap.Forbidden)
//	}
//
// A Set allows what one of its rules allows, and nothing else: the empty one allows nothing.
// Observing is GET or FETCH. Sets do not change and may be shared.
package permission

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/pqcoap/pqcoap/coap"
)

// ErrRule is wrapped by every error about a rule.
var ErrRule = errors.New("permission")

// MaxRule is the longest rule, in bytes.
const MaxRule = 1024

// A Set is what a device may do.
type Set []Rule

// A Rule allows some methods on some paths.
type Rule struct {
	methods  uint16 // a bit a method, by its code
	segments []segment
	below    bool // the path and everything below it
}

// A segment of a path that a rule names: a text, or any.
type segment struct {
	text string
	any  bool
}

var methods = map[string]coap.Code{
	"GET": coap.GET, "POST": coap.POST, "PUT": coap.PUT, "DELETE": coap.DELETE,
	"FETCH": coap.FETCH, "PATCH": coap.PATCH, "IPATCH": coap.IPATCH,
}

// everyMethod has the bit of each code that a method can have.
const everyMethod = 1<<16 - 1

// Parse reads rules, one a string.
func Parse(rules []string) (Set, error) {
	set := make(Set, 0, len(rules))
	for _, text := range rules {
		rule, err := ParseRule(text)
		if err != nil {
			return nil, err
		}
		set = append(set, rule)
	}
	return set, nil
}

// ParseRule reads "METHODS PATH". METHODS is a list with commas, or "*" for all; PATH begins
// with "/". As a segment of its own "*" is any one segment; as the last one it is the path before
// it and everything below. What a segment has of "/", "*", "%" or of bytes that are no letters is
// written as in a URI: %2F, %2A, %25.
func ParseRule(text string) (Rule, error) {
	if len(text) > MaxRule {
		return Rule{}, fmt.Errorf("%w: a rule has at most %d bytes", ErrRule, MaxRule)
	}
	list, path, ok := strings.Cut(text, " ")
	if !ok {
		return Rule{}, fmt.Errorf("%w: %q: want methods, a space and a path, such as \"GET,POST /telemetry/*\"", ErrRule, text)
	}
	bits, err := parseMethods(list)
	if err != nil {
		return Rule{}, fmt.Errorf("%w: %q: %w", ErrRule, text, err)
	}
	rule := Rule{methods: bits}
	if rule.segments, rule.below, err = parsePath(path); err != nil {
		return Rule{}, fmt.Errorf("%w: %q: %w", ErrRule, text, err)
	}
	return rule, nil
}

func parseMethods(list string) (bits uint16, err error) {
	if list == "*" {
		return everyMethod, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		code, ok := methods[name]
		if !ok {
			return 0, fmt.Errorf("method %q: want * or a list of GET, POST, PUT, DELETE, FETCH, PATCH, IPATCH", name)
		}
		bits |= 1 << code
	}
	return bits, nil
}

func parsePath(path string) (segments []segment, below bool, err error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return nil, false, fmt.Errorf("path %q: want one that begins with /", path)
	}
	if rest == "" {
		return nil, false, nil
	}
	parts := strings.Split(rest, "/")
	if parts[len(parts)-1] == "*" {
		parts, below = parts[:len(parts)-1], true
	}
	for _, part := range parts {
		one, err := parseSegment(part)
		if err != nil {
			return nil, false, err
		}
		segments = append(segments, one)
	}
	return segments, below, nil
}

func parseSegment(part string) (segment, error) {
	if part == "*" {
		return segment{any: true}, nil
	}
	text, err := url.PathUnescape(part)
	switch {
	case err != nil:
		return segment{}, fmt.Errorf("segment %q: %% stands before two hexadecimal digits", part)
	case strings.Contains(part, "*"):
		return segment{}, fmt.Errorf("segment %q: * stands alone; as a character it is %%2A", part)
	case strings.ContainsAny(part, " ?#"):
		return segment{}, fmt.Errorf("segment %q: a space, ? and # are written %%20, %%3F and %%23; queries are not told apart", part)
	case dots(text):
		return segment{}, fmt.Errorf("segment %q: no path has it", part)
	}
	return segment{text: text}, nil
}

// dots tells of a segment that no Uri-Path can be (RFC 7252 section 5.10.1), and that means another
// path to some who read one.
func dots(text string) bool { return text == "." || text == ".." }

// Allows tells whether a request may be made: its method, and the values of its Uri-Path options.
// A slash inside of one is not the end of a segment.
func (s Set) Allows(method coap.Code, path []string) bool {
	return !slices.ContainsFunc(path, dots) &&
		slices.ContainsFunc(s, func(r Rule) bool { return r.allows(method, path) })
}

func (r *Rule) allows(method coap.Code, path []string) bool {
	if method == 0 || method > 15 || r.methods&(1<<method) == 0 {
		return false
	}
	if len(path) < len(r.segments) || len(path) > len(r.segments) && !r.below {
		return false
	}
	for i, want := range r.segments {
		if !want.any && want.text != path[i] {
			return false
		}
	}
	return true
}
