package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// Formats of files of devices.
const (
	formatCSV  = "csv"
	formatJSON = "json"
)

// formatOf is what a file's name says, where nothing else does.
func formatOf(given, file string) (string, error) {
	switch {
	case given == formatCSV || given == formatJSON:
		return given, nil
	case given != "":
		return "", errors.New("-format: want csv or json")
	case strings.HasSuffix(file, ".csv"):
		return formatCSV, nil
	case strings.HasSuffix(file, ".json") || strings.HasSuffix(file, ".jsonl"):
		return formatJSON, nil
	}
	return "", errors.New("-format: want csv or json, since the name of the file does not end with it")
}

// rows reads a file: the number of the line where each device begins, and the device. Its errors say
// the line.
func rows(format string, b []byte) iter.Seq2[int, func() (row, error)] {
	if format == formatCSV {
		return csvRows(b)
	}
	return jsonRows(b)
}

// failed is the last of a file that cannot be read further.
func failed(err error) func() (row, error) { return func() (row, error) { return row{}, err } }

func csvRows(b []byte) iter.Seq2[int, func() (row, error)] {
	return func(yield func(int, func() (row, error)) bool) {
		in := csv.NewReader(bytes.NewReader(b))
		header, err := in.Read()
		if err == nil {
			err = checkHeader(header)
		}
		if err != nil {
			yield(1, failed(csvError(err)))
			return
		}
		for {
			cells, err := in.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			if at := (*csv.ParseError)(nil); errors.As(err, &at) {
				yield(at.StartLine, failed(csvError(err)))
				return
			}
			line, _ := in.FieldPos(0)
			if !yield(line, func() (row, error) { return rowOf(header, cells) }) {
				return
			}
		}
	}
}

// csvError keeps what is wrong, without the place, which the caller has.
func csvError(err error) error {
	if at := (*csv.ParseError)(nil); errors.As(err, &at) {
		return at.Err
	}
	if errors.Is(err, io.EOF) {
		return errors.New("empty: want a line with the names of the columns")
	}
	return err
}

// checkHeader holds the first line to what there is.
func checkHeader(header []string) error {
	for i, name := range header {
		header[i] = strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")) // as spreadsheets begin a file
		if !slices.Contains(columns, header[i]) {
			return fmt.Errorf("column %.32q: there are %s", header[i], strings.Join(columns, ", "))
		}
		if slices.Contains(header[:i], header[i]) {
			return fmt.Errorf("column %s: twice", header[i])
		}
	}
	if !slices.Contains(header, "name") {
		return errors.New("want a column name")
	}
	return nil
}

// jsonRows takes an array of objects, or objects one behind the other.
func jsonRows(b []byte) iter.Seq2[int, func() (row, error)] {
	return func(yield func(int, func() (row, error)) bool) {
		in := json.NewDecoder(bytes.NewReader(b))
		in.DisallowUnknownFields()
		array := bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("["))
		if array {
			in.Token() // the bracket that is there
		}
		line, from := 1, 0
		for in.More() {
			// Where the value begins: behind white space and the comma.
			at := int(in.InputOffset())
			at += len(b[at:]) - len(bytes.TrimLeft(b[at:], " \t\r\n,"))
			line += bytes.Count(b[from:at], []byte("\n"))
			from = at
			var r row
			if err := in.Decode(&r); err != nil {
				yield(line, failed(jsonError(err)))
				return
			}
			if !yield(line, func() (row, error) { return r, nil }) {
				return
			}
		}
		if array {
			if _, err := in.Token(); err != nil {
				yield(line, failed(errors.New("want ] at the end")))
			}
		}
	}
}

// jsonError says what is wrong without a value of the file, which may be a secret.
func jsonError(err error) error {
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field != "":
		return fmt.Errorf("%s: want %s, have %s", kind.Field, kind.Type, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("want an object, have %s", kind.Value)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return fmt.Errorf("%s: there are %s", strings.TrimPrefix(err.Error(), "json: "), strings.Join(columns, ", "))
	}
	return errors.New("not JSON")
}

// A writer writes devices to a file.
type writer struct {
	csv  *csv.Writer
	json io.Writer
	n    int
}

func newWriter(format string, out io.Writer) *writer {
	if format == formatJSON {
		return &writer{json: out}
	}
	return &writer{csv: csv.NewWriter(out)}
}

// write adds a row. JSON is an array with an object on each line.
func (w *writer) write(r row) error {
	w.n++
	if w.json != nil {
		before := ",\n"
		if w.n == 1 {
			before = "[\n"
		}
		b, err := json.Marshal(r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w.json, "%s%s", before, b)
		return err
	}
	if w.n == 1 {
		if err := w.csv.Write(columns); err != nil {
			return err
		}
	}
	return w.csv.Write(r.fields())
}

// end finishes the file, also one without a row.
func (w *writer) end() (err error) {
	switch {
	case w.json != nil && w.n == 0:
		_, err = fmt.Fprintln(w.json, "[]")
	case w.json != nil:
		_, err = fmt.Fprint(w.json, "\n]\n")
	default:
		if w.n == 0 {
			err = w.csv.Write(columns)
		}
		w.csv.Flush()
		err = errors.Join(err, w.csv.Error())
	}
	return err
}
