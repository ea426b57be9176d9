package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// An entry is what the header says of one tensor.
type entry struct {
	name       string
	dtype      dtype
	shape      []int
	begin, end int64
}

// parseHeader returns the entries in the order of their data, and the metadata.
func parseHeader(header []byte) (entries []entry, meta map[string]string, err error) {
	if !utf8.Valid(header) {
		return nil, nil, errors.New("not UTF-8")
	}
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, errors.New("does not begin with {: not safetensors")
	}
	d := json.NewDecoder(bytes.NewReader(header))
	d.UseNumber()
	err = object(d, func(name string) error {
		if name == metadataKey {
			meta = map[string]string{}
			return object(d, func(key string) error {
				value, err := token[string](d)
				meta[key] = value
				return within(strconv.Quote(name), err)
			})
		}
		e, err := parseEntry(d, name)
		entries = append(entries, e)
		return within("tensor "+strconv.Quote(name), err)
	})
	if err != nil {
		return nil, nil, err
	}
	if rest := bytes.Trim(header[d.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, fmt.Errorf("byte %d: text after the end", int64(lengthSize)+d.InputOffset())
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	return entries, meta, nil
}

// checkOffsets checks that the tensors fill size bytes of data without gap or overlap.
func checkOffsets(entries []entry, size int64) error {
	var at int64
	for _, e := range entries {
		if e.begin != at {
			return fmt.Errorf("tensor %q: data_offsets begin at %d, where the tensor before ends at %d", e.name, e.begin, at)
		}
		if e.end > size {
			return fmt.Errorf("tensor %q: data_offsets end at %d, the file at %d: truncated", e.name, e.end, size)
		}
		at = e.end
	}
	if at != size {
		return fmt.Errorf("tensors of %d bytes, data of %d", at, size)
	}
	return nil
}

// parseEntry reads the description of one tensor.
func parseEntry(d *json.Decoder, name string) (entry, error) {
	e := entry{name: name, shape: []int{}}
	var kind string
	var offsets []int
	var haveShape bool
	err := object(d, func(key string) (err error) {
		switch key {
		case "dtype":
			kind, err = token[string](d)
		case "shape":
			haveShape = true
			err = integers(d, func(v int) { e.shape = append(e.shape, v) })
		case "data_offsets":
			err = integers(d, func(v int) { offsets = append(offsets, v) })
		default:
			err = errors.New("not a field of the format")
		}
		return within(key, err)
	})
	if err != nil {
		return e, err
	}
	if kind == "" || !haveShape || len(offsets) != 2 {
		return e, errors.New("want dtype, shape and two data_offsets")
	}
	i := slices.IndexFunc(dtypes, func(t dtype) bool { return t.name == kind })
	if i < 0 {
		return e, fmt.Errorf("dtype %q, want F32, F64, I64 or U8", kind)
	}
	e.dtype, e.begin, e.end = dtypes[i], int64(offsets[0]), int64(offsets[1])
	n, err := elements(e.shape)
	if err != nil {
		return e, err
	}
	if e.end < e.begin || e.end-e.begin != int64(n)*int64(e.dtype.size) {
		return e, fmt.Errorf("data_offsets %v for shape %v of %s, which has %d bytes", offsets, e.shape, kind, n*e.dtype.size)
	}
	return e, nil
}

// object reads an object, calling field when its value is next. A key twice is an error.
func object(d *json.Decoder, field func(key string) error) error {
	if err := delim(d, '{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		key, err := token[string](d)
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("%q appears twice", key)
		}
		seen[key] = true
		if err := field(key); err != nil {
			return err
		}
	}
	return delim(d, '}')
}

// integers reads an array of non-negative integers.
func integers(d *json.Decoder, add func(v int)) error {
	if err := delim(d, '['); err != nil {
		return err
	}
	for d.More() {
		number, err := token[json.Number](d)
		if err != nil {
			return err
		}
		v, err := strconv.ParseInt(number.String(), 10, strconv.IntSize)
		if err != nil || v < 0 {
			return fmt.Errorf("byte %d: %s, want an integer from 0", int64(lengthSize)+d.InputOffset(), number)
		}
		add(int(v))
	}
	return delim(d, ']')
}

// delim reads one of { } [ ].
func delim(d *json.Decoder, want json.Delim) error {
	got, err := token[json.Delim](d)
	if err == nil && got != want {
		err = fmt.Errorf("byte %d: %v, want %v", int64(lengthSize)+d.InputOffset(), got, want)
	}
	return err
}

// token reads one token of that type. Byte positions are those in the file.
func token[T json.Delim | json.Number | string](d *json.Decoder) (T, error) {
	var zero T
	got, err := d.Token()
	at := int64(lengthSize) + d.InputOffset()
	if err == io.EOF {
		return zero, fmt.Errorf("byte %d: ends too early", at)
	}
	if err != nil {
		return zero, fmt.Errorf("byte %d: %w", at, err)
	}
	v, ok := got.(T)
	if !ok {
		if got == nil {
			got = "null"
		}
		return zero, fmt.Errorf("byte %d: %v, want %s", at, got, kindOf(zero))
	}
	return v, nil
}

// kindOf names the type of a token for an error.
func kindOf(token any) string {
	switch token.(type) {
	case json.Delim:
		return "{ or ["
	case json.Number:
		return "a number"
	}
	return "a string"
}

// within says where an error is.
func within(place string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", place, err)
}
