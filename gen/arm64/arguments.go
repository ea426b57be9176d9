package main

import (
	"fmt"
	"go/ast"
	"go/parser"
)

// A frame says where the arguments and results of a function lie, by Go's ABI0.
type frame struct {
	at    map[string]string // "x_base", "x_len", "n" or a result's name to its address
	total int               // bytes
}

// newFrame lays out a signature such as "func(x []float32, n int) float32".
func newFrame(signature string) (*frame, error) {
	expr, err := parser.ParseExpr(signature)
	if err != nil {
		return nil, err
	}
	fn, ok := expr.(*ast.FuncType)
	if !ok {
		return nil, fmt.Errorf("%q is no function type", signature)
	}
	f := &frame{at: map[string]string{}}
	if err := f.list(fn.Params, ""); err != nil {
		return nil, err
	}
	if fn.Results != nil {
		f.align(8)
		return f, f.list(fn.Results, "ret")
	}
	return f, nil
}

func (f *frame) align(n int) { f.total = (f.total + n - 1) / n * n }

func (f *frame) place(name string, size int) {
	f.align(size)
	f.at[name] = fmt.Sprintf("%s+%d(FP)", name, f.total)
	f.total += size
}

func (f *frame) list(fields *ast.FieldList, unnamed string) error {
	for _, field := range fields.List {
		names := []string{unnamed}
		if len(field.Names) > 0 {
			names = nil
			for _, n := range field.Names {
				names = append(names, n.Name)
			}
		}
		for _, name := range names {
			switch t := field.Type.(type) {
			case *ast.ArrayType:
				f.place(name+"_base", 8)
				f.place(name+"_len", 8)
				f.place(name+"_cap", 8)
			case *ast.StarExpr:
				f.place(name, 8)
			case *ast.Ident:
				size, ok := map[string]int{"int": 8, "float32": 4, "float64": 8}[t.Name]
				if !ok {
					return fmt.Errorf("no argument of type %s", t.Name)
				}
				f.place(name, size)
			default:
				return fmt.Errorf("no argument of type %T", t)
			}
		}
	}
	return nil
}

// address returns where an argument lies.
func (f *frame) address(name string) string {
	a, ok := f.at[name]
	if !ok {
		panic("no argument " + name)
	}
	return a
}
