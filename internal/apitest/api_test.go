// Package apitest holds the packages that others can import to what they promise: everything exported has a doc comment that begins with its
// name, and nothing exported needs a type that only this module can name.
package apitest

import (
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// private are folders whose packages are not for others: commands, generators, what they write, and measurements.
var private = []string{"asm", "bench", "cmd", "gen", "internal", "testdata"}

// forTests are functions for the tests of this module's own packages.
var forTests = []string{"Simulated"} // of cuda/device, on a driver that is simulated

// A source is the files of a package that are built here, and all of its examples.
type source struct {
	dir   string
	fset  *token.FileSet
	files []*ast.File
}

// public returns the packages that others can import.
func public(t *testing.T) (all []source) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		name := d.Name()
		if path != root && (slices.Contains(private, name) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
			return fs.SkipDir
		}
		s := source{dir: path, fset: token.NewFileSet()}
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			if match, err := build.Default.MatchFile(path, e.Name()); err != nil || !match {
				continue
			}
			f, err := parser.ParseFile(s.fset, filepath.Join(path, e.Name()), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			s.files = append(s.files, f)
		}
		if len(s.files) > 0 {
			all = append(all, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("%d packages found below %s, want all of the module", len(all), root)
	}
	return all
}

// TestDocumented: packages, and all that they export, have doc comments, which begin with the name.
func TestDocumented(t *testing.T) {
	for _, s := range public(t) {
		p, err := doc.NewFromFiles(s.fset, s.files, s.dir)
		if err != nil {
			t.Fatal(s.dir, err)
		}
		if !strings.HasPrefix(p.Doc, "Package "+p.Name+" ") {
			t.Errorf("%s: the doc comment of the package begins %.40q", s.dir, p.Doc)
		}
		named := func(name, text string) {
			words := strings.Fields(text)
			last := name[strings.LastIndex(name, ".")+1:]
			if len(words) == 0 {
				t.Errorf("%s: %s has no doc comment", s.dir, name)
			} else if at := slices.Index(words[:min(2, len(words))], last); at < 0 && strings.TrimRight(words[0], ",;") != last {
				t.Errorf("%s: the doc comment of %s begins %q", s.dir, name, words[0])
			}
		}
		values := append(p.Consts, p.Vars...)
		funcs := p.Funcs
		for _, typ := range p.Types {
			named(typ.Name, typ.Doc)
			values = append(append(values, typ.Consts...), typ.Vars...)
			funcs = append(funcs, typ.Funcs...)
			for _, m := range typ.Methods {
				if m.Level == 0 {
					named(typ.Name+"."+m.Name, m.Doc)
				}
			}
		}
		for _, f := range funcs {
			named(f.Name, f.Doc)
		}
		for _, v := range values {
			if v.Doc == "" && slices.ContainsFunc(v.Names, ast.IsExported) {
				t.Errorf("%s: %v have no doc comment", s.dir, v.Names)
			}
		}
	}
}

// TestNothingInternal: no signature, field or method that is exported has a type of a package under internal/.
func TestNothingInternal(t *testing.T) {
	for _, s := range public(t) {
		for _, f := range s.files {
			inside := map[string]bool{}
			for _, i := range f.Imports {
				if path := strings.Trim(i.Path.Value, `"`); strings.Contains(path, "/internal/") {
					name := path[strings.LastIndex(path, "/")+1:]
					if i.Name != nil {
						name = i.Name.Name
					}
					inside[name] = true
				}
			}
			if len(inside) == 0 || !ast.FileExports(f) {
				continue
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					if slices.Contains(forTests, fn.Name.Name) {
						continue
					}
					fn.Body = nil
				}
				g, ok := d.(*ast.GenDecl)
				if ok && g.Tok != token.TYPE {
					continue // the types of values are seen where they are declared
				}
				ast.Inspect(d, func(n ast.Node) bool {
					if sel, ok := n.(*ast.SelectorExpr); ok {
						if x, ok := sel.X.(*ast.Ident); ok && inside[x.Name] {
							t.Errorf("%v: %s.%s is exported with what it is a part of, and no importer can name it", s.fset.Position(sel.Pos()), x.Name, sel.Sel.Name)
						}
					}
					return true
				})
			}
		}
	}
}
