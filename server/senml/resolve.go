package senml

import (
	"math"
	"time"
	"unicode"
	"unicode/utf8"
)

// base holds the base fields in force (RFC 8428 section 4.1).
type base struct {
	name, unit  string
	time, value float64
	sum         float64
	hasSum      bool
	version     float64
}

// resolve applies base fields and the time (RFC 8428 section 4.6).
func resolve(raw []fields, now time.Time) ([]Record, error) {
	b := base{version: Version}
	records := make([]Record, 0, len(raw))
	for i, f := range raw {
		if err := b.update(f, i == 0); err != nil {
			return nil, inRecord(i+1, err)
		}
		if !f.measures() {
			continue
		}
		r, err := b.record(f, float64(now.UnixMicro())/1e6)
		if err != nil {
			return nil, inRecord(i+1, err)
		}
		records = append(records, r)
	}
	return records, nil
}

// measures is false for a record that only sets base fields (RFC 8428 section 5.1.7
// has one).
func (f fields) measures() bool {
	for l := range f {
		if !l.base() {
			return true
		}
	}
	return len(f) == 0
}

// update takes over the base fields of a record, which hold for itself and those after.
func (b *base) update(f fields, first bool) error {
	if err := b.updateVersion(f, first); err != nil {
		return err
	}
	_, hasSum := f[baseSum]
	b.hasSum = b.hasSum || hasSum
	for _, err := range []error{
		set(&b.name, f, baseName), set(&b.unit, f, baseUnit), set(&b.time, f, baseTime),
		set(&b.value, f, baseValue), set(&b.sum, f, baseSum),
	} {
		if err != nil {
			return err
		}
	}
	if len(b.name) > MaxName {
		return fieldError(baseName, ErrLimit)
	}
	return checkUnit(baseUnit, b.unit)
}

// set changes *dst where the field is there.
func set[T any](dst *T, f fields, l label) error {
	v, ok, err := get[T](f, l)
	if ok {
		*dst = v
	}
	return err
}

// updateVersion holds all records to one version (RFC 8428 section 4.4).
func (b *base) updateVersion(f fields, first bool) error {
	v, ok, err := get[float64](f, baseVersion)
	if err != nil || !ok {
		return err
	}
	if v < 1 || v > Version || v != math.Trunc(v) || (!first && v != b.version) {
		return fieldError(baseVersion, ErrVersion)
	}
	b.version = v
	return nil
}

func (b *base) record(f fields, now float64) (r Record, err error) {
	for _, step := range []func(*Record, fields) error{
		b.setName, b.setUnit, b.setValue, b.setSum, setUpdateTime,
	} {
		if err := step(&r, f); err != nil {
			return r, err
		}
	}
	return r, b.setTime(&r, f, now)
}

// setName joins base name and name (RFC 8428 section 4.5.1).
func (b *base) setName(r *Record, f fields) error {
	n, _, err := get[string](f, name)
	if err != nil {
		return err
	}
	if len(b.name)+len(n) > MaxName {
		return fieldError(name, ErrLimit)
	}
	r.Name = b.name + n
	if r.Name == "" {
		return fieldError(name, ErrMissing)
	}
	if !nameAllowed(r.Name) {
		return fieldError(name, ErrCharacter)
	}
	return nil
}

func nameAllowed(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case i > 0 && (c == '-' || c == ':' || c == '.' || c == '/' || c == '_'):
		default:
			return false
		}
	}
	return true
}

func (b *base) setUnit(r *Record, f fields) error {
	u, ok, err := get[string](f, unit)
	if err != nil {
		return err
	}
	r.Unit = b.unit
	if ok {
		r.Unit = u
	}
	return checkUnit(unit, r.Unit)
}

func checkUnit(l label, s string) error {
	if len(s) > MaxUnit {
		return fieldError(l, ErrLimit)
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			return fieldError(l, ErrCharacter)
		}
	}
	return nil
}

// valueLabel is the field of each kind of value.
var valueLabel = [...]label{Number: value, Text: textValue, Boolean: boolValue, Data: dataValue}

// setValue takes the one value; the base value is added to a number (section 4.5.4).
func (b *base) setValue(r *Record, f fields) (err error) {
	for kind := Number; kind <= Data; kind++ {
		if _, ok := f[valueLabel[kind]]; !ok {
			continue
		}
		if r.Kind != None {
			return fieldError(valueLabel[kind], ErrConflict)
		}
		r.Kind = kind
	}
	switch r.Kind {
	case None:
		if _, ok := f[sum]; !ok {
			err = fieldError(value, ErrMissing)
		}
	case Number:
		r.Number, _, err = get[float64](f, value)
		r.Number += b.value
	case Text:
		r.Text, _, err = get[string](f, textValue)
	case Boolean:
		r.Boolean, _, err = get[bool](f, boolValue)
	case Data:
		r.Data, _, err = get[[]byte](f, dataValue)
	}
	if err != nil {
		return err
	}
	return r.checkValue()
}

func (r *Record) checkValue() error {
	switch {
	case r.Kind == Number && !finite(r.Number):
		return fieldError(value, ErrRange)
	case r.Kind == Text && len(r.Text) > MaxText:
		return fieldError(textValue, ErrLimit)
	case r.Kind == Data && len(r.Data) > MaxText:
		return fieldError(dataValue, ErrLimit)
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (b *base) setSum(r *Record, f fields) error {
	s, ok, err := get[float64](f, sum)
	if err != nil {
		return err
	}
	if !ok && !b.hasSum {
		return nil
	}
	r.HasSum, r.Sum = true, b.sum+s
	if !finite(r.Sum) {
		return fieldError(sum, ErrRange)
	}
	return nil
}

// setTime makes the time absolute (RFC 8428 section 4.5.3).
func (b *base) setTime(r *Record, f fields, now float64) error {
	t, _, err := get[float64](f, timeLabel)
	if err != nil {
		return err
	}
	r.Time = b.time + t
	if r.Time < absoluteTime {
		r.Time += now
	}
	return r.checkTime()
}

// checkTime refuses what would be read back as a relative time, too.
func (r *Record) checkTime() error {
	if !(r.Time >= absoluteTime && r.Time <= latestTime) {
		return fieldError(timeLabel, ErrRange)
	}
	return nil
}

func setUpdateTime(r *Record, f fields) (err error) {
	r.UpdateTime, r.HasUpdateTime, err = get[float64](f, updateTime)
	if err == nil && r.UpdateTime < 0 {
		return fieldError(updateTime, ErrRange)
	}
	return err
}
