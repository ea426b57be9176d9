package data

import (
	"fmt"
	"strings"
)

// A Source is what a run trains on and is measured against.
type Source struct {
	Name  string   // a short name for titles and folders
	Train *Dataset // the rows to train on
	Test  *Dataset // rows held out for measures; nil where there are too few to hold any out
	Modes *Mixture // the true modes, for ring8 and grid25; nil otherwise
}

// The sizes of the built-in sources.
const (
	trainRows = 20000
	testRows  = 4000
)

// A Builtin names a source that is generated, with its description in a line.
type Builtin struct{ Name, Description string }

var builtins = []struct {
	Builtin
	open func(seed uint64) *Source
}{
	{Builtin{"glyphs", "grey 28x28 digits drawn from strokes, 20,000 and 4,000 to test"}, func(seed uint64) *Source {
		return &Source{Train: glyphs(seed, 0, trainRows), Test: glyphs(seed, trainRows, testRows)}
	}},
	{Builtin{"ring8", "8 Gaussians on the unit circle, in the plane"}, func(seed uint64) *Source {
		m := Ring8Modes()
		s := holdOut(Ring8(seed, trainRows+testRows))
		s.Modes = &m
		return s
	}},
	{Builtin{"grid25", "25 Gaussians on a 5x5 grid, in the plane"}, func(seed uint64) *Source {
		m := Grid25Modes()
		s := holdOut(Grid25(seed, trainRows+testRows))
		s.Modes = &m
		return s
	}},
	{Builtin{"pair", "the two points 1 and -1, on the line"}, func(uint64) *Source { return &Source{Train: Pair()} }},
	{Builtin{"moons", "two interleaved half circles, in the plane"}, func(seed uint64) *Source { return holdOut(Moons(seed, trainRows+testRows)) }},
	{Builtin{"spiral", "a spiral of one and a half turns, in the plane"}, func(seed uint64) *Source { return holdOut(Spiral(seed, trainRows+testRows)) }},
	{Builtin{"ellipse", "uniform in an ellipse, in the plane"}, func(seed uint64) *Source { return holdOut(Ellipse(seed, trainRows+testRows)) }},
}

// holdOut splits the rows of a generated set into trainRows to train and the rest to test.
func holdOut(d *Dataset) *Source {
	index := make([]int, d.N)
	for i := range index {
		index[i] = i
	}
	return &Source{Train: d.Subset(index[:trainRows]), Test: d.Subset(index[trainRows:])}
}

// Names returns the built-in sources in the order to list them in.
func Names() []Builtin {
	names := make([]Builtin, len(builtins))
	for i, b := range builtins {
		names[i] = b.Builtin
	}
	return names
}

// Open returns the source that spec names.
//
//	glyphs | ring8 | grid25 | pair | moons | spiral | ellipse | mnist:DIR | cifar10:DIR | images:DIR | points:FILE | iris:FILE
//
// The built-in sources are generated from seed, with 20,000 rows to train on and 4,000 to test. See OpenMNIST, OpenCIFAR10, OpenImages,
// OpenPoints and OpenIris for the others. An unknown spec is an error that lists the known ones.
func Open(spec string, seed uint64) (*Source, error) {
	for _, b := range builtins {
		if b.Name == spec {
			s := b.open(seed)
			s.Name = b.Name
			return s, nil
		}
	}
	scheme, where, _ := strings.Cut(spec, ":")
	switch {
	case scheme == "mnist" && where != "":
		train, test, err := OpenMNIST(where)
		if err != nil {
			return nil, err
		}
		return &Source{Name: scheme, Train: train, Test: test}, nil
	case scheme == "cifar10" && where != "":
		train, test, err := OpenCIFAR10(where)
		if err != nil {
			return nil, err
		}
		return &Source{Name: scheme, Train: train, Test: test}, nil
	case scheme == "images" && where != "":
		return OpenImages(where)
	case scheme == "points" && where != "":
		return OpenPoints(where, PointsOptions{})
	case scheme == "iris" && where != "":
		return OpenIris(where)
	}
	names := make([]string, len(builtins))
	for i, b := range builtins {
		names[i] = b.Name
	}
	return nil, fmt.Errorf("unknown data source %q; known are %s, mnist:DIR, cifar10:DIR, images:DIR, points:FILE, iris:FILE", spec, strings.Join(names, ", "))
}
