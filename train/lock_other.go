//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package train

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// acquire makes the file, or returns errBusy where it is there and the process that it names is alive. What a dead one left is removed.
func acquire(path string) (*os.File, error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			if p, err := os.FindProcess(pid); err == nil {
				_ = p.Release()
				return nil, errBusy
			}
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errBusy // it is open in another process
		}
	}
}

// release removes the file.
func (l *runLock) release() error {
	return errors.Join(l.file.Close(), os.Remove(l.file.Name()))
}
