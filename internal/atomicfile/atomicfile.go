// Package atomicfile replaces files in one step, so that a full disk or a kill leaves either the old content or the new, never a part.
package atomicfile

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Write gives path the content that write produces.
//
// The content goes to a temporary file in the same folder, which is synced and renamed to path; then the folder is synced. On any
// error before the rename, and on a panic of write, the temporary is removed and what was at path stays as it was. A new file gets
// mode 0666 less the umask, an existing one keeps its mode and must be writable. A symbolic link to a file is followed. A target that
// is no regular file, such as a terminal or /dev/null, is written to directly.
func Write(path string, write func(io.Writer) error) error {
	if err := replace(path, write); err != nil {
		return fmt.Errorf("writing %s: %w", path, unnamed(err))
	}
	return nil
}

// unnamed takes off an error of the system what names the temporary file, which is gone when the error is read.
func unnamed(err error) error {
	if p, ok := err.(*fs.PathError); ok && strings.Contains(filepath.Base(p.Path), infix) {
		return p.Err
	}
	return err
}

func replace(path string, write func(io.Writer) error) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return errors.New("is a folder")
	case err == nil && !info.Mode().IsRegular():
		return direct(path, write)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := writable(path); err != nil {
		return err
	}
	f, err := create(path)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if info != nil {
		if err := f.Chmod(info.Mode().Perm()); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	if err := fill(f, write); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	done = true
	return syncDir(filepath.Dir(path))
}

// writable refuses an existing file that is protected: renaming over it would not ask.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// direct writes to a device or pipe, which cannot be replaced.
func direct(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(f, write), f.Close())
}

func fill(f *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// create makes a temporary file that Clean knows as one for path.
func create(path string) (*os.File, error) {
	return os.OpenFile(filepath.Join(filepath.Dir(path), prefix(path)+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
}

// infix stands between the name of a file and what makes that of its temporary file unique.
const infix = ".tmp-"

func prefix(path string) string { return "." + filepath.Base(path) + infix }

// Clean removes the temporary files that killed calls of Write left for path. No call may be under way for it.
func Clean(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix(path)) && e.Type().IsRegular() {
			err = errors.Join(err, os.Remove(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	return err
}

// syncDir makes the rename last. Where a folder cannot be synced, the rename is as durable as the system makes it.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	if err := d.Sync(); errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EIO) {
		return err
	}
	return nil
}
