// Package config is the keys of the two configuration files, server.toml and a device's file, as
// one table: [Server] and [Device]. From a table come the checks of a file, docs/configuration.md,
// and the commented file that pqcoap-server init writes.
//
//	lines, err := config.Server.Decode(text, &settings) // a struct with toml tags
//	err = lines.Problem("route[0].path", "want one that begins with a slash")
//
// Whoever adds a key adds a row to the table and a field to the struct. The package reads no
// files. Its errors say lines and keys; they never repeat a value, which may be a secret.
package config

//go:generate go run ./generate ../../docs/configuration.md

import (
	"errors"
	"fmt"
	"strings"
)

// A Kind is the type of a key's value.
type Kind uint8

const (
	Text Kind = iota
	Bool
	Int
	Texts // a list of texts
)

// String says what to write, for errors and documents.
func (k Kind) String() string {
	switch k {
	case Bool:
		return "true or false"
	case Int:
		return "whole number"
	case Texts:
		return "list of texts in quotes"
	}
	return "text in quotes"
}

// A Key is one row of a table.
type Key struct {
	Name    string
	Kind    Kind
	Default any // string, bool or int; nil: the file has to have it, or nothing is what it means
	// Min and Max bound an Int, both included, and the length of a Text and of each of Texts in
	// bytes; for a Text Max 0 is no bound.
	Min, Max int64
	OneOf    []string // all that a Text may be
	Unit     string   // of an Int: "s", "hours", "bytes"
	Doc      string   // a sentence or two
	Reload   bool     // a server that runs takes a change
	Written  bool     // the file that init writes has the key itself, not as a comment
}

// A Table is keys that stand under a header.
type Table struct {
	Name    string
	Form    Form
	Doc     string
	Keys    []Key
	Example string // lines of TOML
	Reload  bool   // a server that runs takes changes of all its keys
}

// A Form is how often a table may stand in a file.
type Form uint8

const (
	Array  Form = iota // [[name]], any number of times
	Named              // [name.X], each X once
	Single             // [name], once; its keys have defaults
)

// Header is how the table begins in a file.
func (t *Table) Header() string {
	switch t.Form {
	case Named:
		return "[" + t.Name + ".NAME]"
	case Single:
		return "[" + t.Name + "]"
	}
	return "[[" + t.Name + "]]"
}

// A File is all keys of a configuration file.
type File struct {
	Name   string // for documents
	About  string // the first lines of the file that init writes
	Intro  string // of its section in the documents
	Keys   []Key
	Tables []Table
}

// A Problem is what is wrong in one line.
type Problem struct {
	Line int // from 1; 0: none in particular
	Text string
	err  error // what Text says, for errors.Is
}

// String is the line and the text.
func (p Problem) String() string {
	if p.Line == 0 {
		return p.Text
	}
	return fmt.Sprintf("line %d: %s", p.Line, p.Text)
}

// Problems are all that is wrong in a file, in the order of its lines. It is an error.
type Problems []Problem

// Error is one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap is for errors.Is.
func (p Problems) Unwrap() []error {
	var errs []error
	for i := range p {
		if p[i].err != nil {
			errs = append(errs, p[i].err)
		}
	}
	return errs
}

// Add adds the problems that an error has, or what else it says.
func (p *Problems) Add(err error) {
	var more Problems
	switch {
	case err == nil:
	case errors.As(err, &more):
		*p = append(*p, more...)
	default:
		*p = append(*p, Problem{Text: err.Error(), err: err})
	}
}

// Err is nil where there is no problem.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

func find(keys []Key, name string) *Key {
	for i := range keys {
		if keys[i].Name == name {
			return &keys[i]
		}
	}
	return nil
}

// Key is the row of a key of the file, not of its tables; nil: there is none.
func (f *File) Key(name string) *Key { return find(f.Keys, name) }

// Reloads tells whether a server that runs takes a change of a key, or of a table.
func (f *File) Reloads(name string) bool {
	if t := f.Table(name); t != nil {
		return t.Reload
	}
	k := f.Key(name)
	return k != nil && k.Reload
}

// Table is the table of a name, nil if there is none.
func (f *File) Table(name string) *Table {
	for i := range f.Tables {
		if f.Tables[i].Name == name {
			return &f.Tables[i]
		}
	}
	return nil
}
