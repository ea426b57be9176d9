package row

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Schema is the version of the JSON of a Report. It rises when the meaning of a field changes.
const Schema = 1

// A Report is what one run measured.
type Report struct {
	Schema  int     `json:"schema"`
	Program string  `json:"program"` // the command that made it
	Machine Machine `json:"machine"`
	Rows    []Row   `json:"rows"`

	// Missing are the keys of rows that the run was to make and has not made: it ended early, or is not over.
	Missing []string `json:"missing,omitempty"`
}

// Row returns the row of a key, nil where there is none.
func (r *Report) Row(key string) *Row {
	for i := range r.Rows {
		if r.Rows[i].Key() == key {
			return &r.Rows[i]
		}
	}
	return nil
}

// WriteJSON writes the report, indented.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// ReadJSON reads a report and refuses one of another schema, or with rows without a name.
func ReadJSON(in io.Reader) (*Report, error) {
	r := new(Report)
	if err := json.NewDecoder(in).Decode(r); err != nil {
		return nil, fmt.Errorf("row: not a report of a benchmark: %w", err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("row: report of schema %d, want %d; measure again with this version", r.Schema, Schema)
	}
	for i := range r.Rows {
		if r.Rows[i].Name == "" {
			return nil, fmt.Errorf("row: row %d of the report has no name", i)
		}
	}
	return r, nil
}

// ReadFile reads a report from a file.
func ReadFile(path string) (*Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := ReadJSON(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Failed tells whether a row has no value because its result was wrong or could not be had.
func (r *Report) Failed() bool {
	for i := range r.Rows {
		if r.Rows[i].Error != "" {
			return true
		}
	}
	return false
}
