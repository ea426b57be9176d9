package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// stdin is the name of the standard input.
const stdin = "-"

// checkFiles refuses names of files that cannot be meant.
func (o *otOptions) checkFiles(args []string) error {
	inputs, streams := o.inputs(args), 0
	for _, path := range inputs {
		if path == stdin {
			streams++
		}
	}
	if streams > 1 {
		return usagef("the standard input is named for %d inputs and can be read once", streams)
	}
	if o.init == stdin {
		return usagef("--init cannot read the standard input, name a file")
	}
	seen := map[string]string{}
	for _, out := range o.outputs() {
		if out.path == "" {
			continue
		}
		if out.path == stdin {
			return usagef("--%s - : - is the standard input, name a file", out.flag)
		}
		if other, twice := seen[filepath.Clean(out.path)]; twice && !device(out.path) {
			return usagef("--%s and --%s name the same file %s", other, out.flag, out.path)
		}
		seen[filepath.Clean(out.path)] = out.flag
		for _, in := range inputs {
			if sameFile(in, out.path) {
				return usagef("--%s would overwrite the input %s", out.flag, in)
			}
		}
		if out.flag != "potentials" && sameFile(o.init, out.path) {
			return usagef("--%s would overwrite the input %s", out.flag, o.init)
		}
		if out.misnamed() {
			return usagef("--%s %s: is written as %s; name a file that ends so", out.flag, out.path, out.ext)
		}
		if err := writableAt(out.path); err != nil {
			return fmt.Errorf("--%s %s: %w", out.flag, out.path, err)
		}
	}
	return nil
}

// device reports whether path is there and no regular file.
func device(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.Mode().IsRegular()
}

func sameFile(a, b string) bool {
	if a == "" || a == stdin || device(b) {
		return false
	}
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

// writableAt finds before a long computation what would end it in vain.
func writableAt(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("is a folder, name a file")
	}
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !info.IsDir():
		return fmt.Errorf("there is no folder %s; make it first", dir)
	case err != nil:
		return err
	}
	return nil
}

// inputs returns the files that are read.
func (o *otOptions) inputs(args []string) []string {
	files := append(slices.Clone(args), o.costMatrix, o.costXX, o.costYY, o.weightsX, o.weightsY)
	return slices.DeleteFunc(files, func(path string) bool { return path == "" })
}
