package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// metadataKey is where checkpoint.safetensors carries the document that is also checkpoint.json. The tensors and the document are one
// file, so that they change in one step; checkpoint.json is a copy for readers, mended from it on resume.
const metadataKey = "sinkcpu"

const precision = "float32"

// A Checkpoint is the state of a run after a step, less its tensors. It has no times and no names of machines: equal states give equal
// bytes.
type Checkpoint struct {
	Schema    int               `json:"schema"`
	Step      int               `json:"step"`
	Tier      string            `json:"tier"`   // of the kernels that made it
	Device    string            `json:"device"` // on which the networks computed, "cpu" for the processor
	Precision string            `json:"precision"`
	Config    Config            `json:"config"`    // without steps, threads and device, which may change
	EpsValue  float64           `json:"eps_value"` // eps in units of the cost
	Data      DataState         `json:"data"`
	Groups    []GroupState      `json:"groups"`
	State     map[string][]byte `json:"state"`   // of the objective, beside the groups; base64
	Metrics   []Metric          `json:"metrics"` // of the last step that reported
	Tensors   string            `json:"tensors"` // SHA-256 of the tensors as a safetensors file without metadata
}

// A DataState is the training data and the place in it.
type DataState struct {
	Rows     int    `json:"rows"`
	Dim      int    `json:"dim"`
	Height   int    `json:"height"` // with width and channels, 0 where the rows are no images
	Width    int    `json:"width"`
	Channels int    `json:"channels"`
	Scale    string `json:"scale"`  // of the numbers in a row: "byte/255", or "none" for those of the file
	SHA256   string `json:"sha256"` // of the rows
	Position uint64 `json:"position"`

	MeanSquare float64 `json:"mean_square,omitempty"` // mean squared distance between rows, where a cost is in units of it
}

// A GroupState is a group of parameters.
type GroupState struct {
	Name       string `json:"name"`
	Parameters int    `json:"parameters"` // count of numbers
	Steps      int64  `json:"steps"`      // of its optimiser
}

// A Metric is a number that a step reported.
type Metric struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// shapeOf returns the shape of a data set, without its SHA-256.
func shapeOf(ds *data.Dataset) DataState {
	d := DataState{Rows: ds.N, Dim: ds.Dim, Height: ds.H, Width: ds.W, Channels: ds.C, Scale: "none"}
	if ds.Pixels != nil {
		d.Scale = "byte/255"
	}
	return d
}

// withMean adds the mean squared distance between rows where the cost needs it.
func (d DataState) withMean(c Config, ds *data.Dataset) DataState {
	if c.CostMix > 0 {
		d.MeanSquare = meanSquare(ds)
	}
	return d
}

// describeData returns the state of a data set at position 0.
func describeData(ds *data.Dataset) DataState {
	h := sha256.New()
	h.Write(ds.Pixels)
	var b [4]byte
	for _, v := range ds.Points {
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
		h.Write(b[:])
	}
	d := shapeOf(ds)
	d.SHA256 = hex.EncodeToString(h.Sum(nil))
	return d
}

// tensors returns the parameters and the state of the optimisers under the names of the checkpoint, such as "generator.0.weight" and
// "optimizer.generator.adam.m/0.weight". The data of tensors on the host is shared.
func tensors(groups []*nn.Group[float32]) (ts []safetensors.Tensor, states []GroupState) {
	for _, g := range groups {
		opt := g.Opt.State()
		state := GroupState{Name: g.Name, Steps: opt.Step}
		for _, p := range g.Params {
			ts = append(ts, safetensors.Tensor{Name: g.Name + "." + p.Name, Shape: p.Value.Shape(), Data: p.Value.Values()})
			state.Parameters += p.Value.Size()
		}
		for name, t := range opt.Tensors {
			ts = append(ts, safetensors.Tensor{Name: optimizerPrefix(g.Name) + name, Shape: t.Shape(), Data: t.Values()})
		}
		states = append(states, state)
	}
	return ts, states
}

func optimizerPrefix(group string) string { return "optimizer." + group + "." }

// hashTensors returns the SHA-256 of the tensors, in the order of a safetensors file.
func hashTensors(ts []safetensors.Tensor) (string, error) {
	h := sha256.New()
	if err := safetensors.Write(h, ts, nil); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// save writes the checkpoint: first checkpoint.safetensors, in one step, then its copy checkpoint.json. A state that is not finite is an
// error before anything is written.
func (c Checkpoint) save(f folder, obj generative.Objective) error {
	ts, groups := tensors(obj.Groups())
	for _, t := range ts {
		if i := notFinite(t.Data.([]float32)); i >= 0 {
			return fmt.Errorf("%w: element %d of %s; "+advice, generative.ErrNotFinite, i, t.Name)
		}
	}
	var err error
	if c.State, err = obj.State(); err != nil {
		return err
	}
	if c.Tensors, err = hashTensors(ts); err != nil {
		return err
	}
	c.Schema, c.Tier, c.Precision, c.Config, c.Groups = schema, kernels.Active().String(), precision, c.Config.identity(), groups
	doc, err := json.Marshal(c)
	if err != nil {
		return err
	}
	err = atomicfile.Write(f.tensors(), func(w io.Writer) error {
		return safetensors.Write(w, ts, map[string]string{metadataKey: string(doc)})
	})
	if err != nil {
		return err
	}
	return writeDocument(f, doc)
}

func writeDocument(f folder, doc []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, doc, "", "  "); err != nil {
		return err
	}
	text.WriteByte('\n')
	return atomicfile.Write(f.document(), func(w io.Writer) error { _, err := w.Write(text.Bytes()); return err })
}

func notFinite(v []float32) int {
	for i, x := range v {
		if x-x != 0 {
			return i
		}
	}
	return -1
}

// ReadCheckpoint returns what checkpoint.json of the run in a folder says. It may be read while the run goes on. [Load] and [Restore] read the
// tensors too, and check them. Where there is no checkpoint the error is one for which errors.Is(err, [fs.ErrNotExist]).
func ReadCheckpoint(dir string) (*Checkpoint, error) {
	path := folder(dir).document()
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parseCheckpoint(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// parseCheckpoint decodes the document of a checkpoint of this schema.
func parseCheckpoint(doc []byte) (*Checkpoint, error) {
	var version struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(doc, &version); err != nil {
		return nil, err
	}
	if version.Schema != schema {
		return nil, &schemaError{version.Schema}
	}
	c := &Checkpoint{Config: defaults.images.clone(), Device: processor} // of settings that are newer than the document
	return c, decodeStrict(doc, c)
}

// A schemaError is that of a document of another schema.
type schemaError struct{ found int }

func (e *schemaError) Error() string {
	return fmt.Sprintf("schema %d; this program writes and reads schema %d", e.found, schema)
}

// A loaded is a checkpoint read back.
type loaded struct {
	Checkpoint
	path string
	file *safetensors.File
	doc  []byte
}

// load reads checkpoint.safetensors, or returns nil where there is none.
func load(f folder) (*loaded, error) {
	path := f.tensors()
	file, err := safetensors.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if info, e := os.Stat(string(f)); e == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file: name the folder of a run", string(f))
	}
	if err != nil {
		return nil, fmt.Errorf("%w; the checkpoint is damaged and cannot be used", err)
	}
	return checked(path, file)
}

// checked returns the checkpoint that a file holds.
func checked(path string, file *safetensors.File) (*loaded, error) {
	doc, ok := file.Metadata[metadataKey]
	if !ok {
		return nil, fmt.Errorf("%s: no checkpoint of sinkcpu: its metadata lacks %q", path, metadataKey)
	}
	c, err := parseCheckpoint([]byte(doc))
	var version *schemaError
	switch {
	case errors.As(err, &version):
		return nil, fmt.Errorf("%s: %w", path, err)
	case err != nil:
		return nil, fmt.Errorf("%s: metadata %q: %w", path, metadataKey, err)
	}
	l := &loaded{Checkpoint: *c, path: path, file: file, doc: []byte(doc)}
	sum, err := hashTensors(file.Tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if sum != l.Tensors {
		return nil, fmt.Errorf("%s: the tensors are not those that were written: SHA-256 %.12s, want %.12s", path, sum, l.Tensors)
	}
	return l, nil
}

// mend makes checkpoint.json the copy of the document in checkpoint.safetensors, from which a kill between the two may have left it behind.
func (l *loaded) mend(f folder) error {
	var want bytes.Buffer
	if err := json.Indent(&want, l.doc, "", "  "); err != nil {
		return err
	}
	want.WriteByte('\n')
	if have, err := os.ReadFile(f.document()); err == nil && bytes.Equal(have, want.Bytes()) {
		return nil
	}
	return writeDocument(f, l.doc)
}

// fits returns why the checkpoint does not belong to a run of that config on that data.
func (l *loaded) fits(c Config, d DataState) error {
	if diff := l.Config.difference(c); diff != "" {
		return fmt.Errorf("%s belongs to another run: %s", l.path, diff)
	}
	if l.Precision != precision {
		return fmt.Errorf("%s has precision %q; this run computes in %s", l.path, l.Precision, precision)
	}
	if l.Step < 0 {
		return fmt.Errorf("%s: step %d is negative", l.path, l.Step)
	}
	d.Position = l.Data.Position
	if l.Data.Scale == "" { // before it was recorded, it was what it is now
		d.Scale = ""
	}
	if l.Data != d {
		return fmt.Errorf("%s was trained on other data than %s holds now (%d rows of %d, SHA-256 %.12s; now %d rows of %d, %.12s)",
			l.path, c.Data, l.Data.Rows, l.Data.Dim, l.Data.SHA256, d.Rows, d.Dim, d.SHA256)
	}
	return nil
}

// restore sets the objective to the checkpoint's state. It checks every name and shape before it changes any parameter.
func (l *loaded) restore(obj generative.Objective) error {
	left := make(map[string]safetensors.Tensor, len(l.file.Tensors))
	for _, t := range l.file.Tensors {
		left[t.Name] = t
	}
	groups := obj.Groups()
	if len(groups) != len(l.Groups) {
		return fmt.Errorf("%s holds %d groups of parameters; the objective has %d", l.path, len(l.Groups), len(groups))
	}
	values := make([][][]float32, len(groups))
	states := make([]nn.State[float32], len(groups))
	for i, g := range groups {
		if g.Name != l.Groups[i].Name {
			return fmt.Errorf("%s holds the group %q where the objective has %q", l.path, l.Groups[i].Name, g.Name)
		}
		states[i] = nn.State[float32]{Step: l.Groups[i].Steps, Tensors: map[string]*nn.Tensor[float32]{}}
		for _, p := range g.Params {
			v, err := l.take(left, g.Name+"."+p.Name, p.Value.Shape())
			if err != nil {
				return err
			}
			values[i] = append(values[i], v)
		}
		if err := l.takeOptimizer(left, g.Name, states[i].Tensors); err != nil {
			return err
		}
	}
	for name := range left {
		return fmt.Errorf("%s holds the tensor %q, which the objective does not have", l.path, name)
	}
	for i, g := range groups {
		if err := g.Opt.Restore(g.Params, states[i]); err != nil {
			return fmt.Errorf("%s: group %q: %w", l.path, g.Name, err)
		}
	}
	if err := obj.Restore(l.State); err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	for i, g := range groups {
		for j, p := range g.Params {
			p.Value.SetValues(values[i][j])
		}
	}
	return nil
}

// take removes a tensor of that name and shape.
func (l *loaded) take(left map[string]safetensors.Tensor, name string, shape []int) ([]float32, error) {
	t, ok := left[name]
	if !ok {
		return nil, fmt.Errorf("%s lacks the tensor %q of the objective", l.path, name)
	}
	v, isFloat := t.Data.([]float32)
	if !isFloat || fmt.Sprint(t.Shape) != fmt.Sprint(shape) {
		return nil, fmt.Errorf("%s: the tensor %q has shape %v (%T); the objective's has %v", l.path, name, t.Shape, t.Data, shape)
	}
	if i := notFinite(v); i >= 0 {
		return nil, fmt.Errorf("%s: element %d of the tensor %q is not finite", l.path, i, name)
	}
	delete(left, name)
	return v, nil
}

// takeOptimizer moves the tensors of a group's optimiser to dst.
func (l *loaded) takeOptimizer(left map[string]safetensors.Tensor, group string, dst map[string]*nn.Tensor[float32]) error {
	prefix := optimizerPrefix(group)
	for name, t := range left {
		if len(name) <= len(prefix) || name[:len(prefix)] != prefix {
			continue
		}
		v, err := l.take(left, name, t.Shape)
		if err != nil {
			return err
		}
		if len(t.Shape) == 0 {
			return fmt.Errorf("%s: the tensor %q has no dimension", l.path, name)
		}
		dst[name[len(prefix):]] = nn.TensorOf(v, t.Shape...)
	}
	return nil
}
