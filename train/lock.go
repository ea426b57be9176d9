package train

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// errBusy says that another process holds a lock.
var errBusy = errors.New("busy")

// A runLock keeps a second process out of a run's folder. Its file holds the number of the process.
type runLock struct{ file *os.File }

// lock takes the lock of the folder.
func (f folder) lock() (*runLock, error) {
	for {
		file, err := acquire(f.lockFile())
		if errors.Is(err, errBusy) {
			return nil, fmt.Errorf("%s is in use by %s: wait until it ends, or end it", f, holder(f.lockFile()))
		}
		if err != nil {
			return nil, err
		}
		// The last holder may have removed the file between its opening and its locking here: what is locked then is no longer in the folder.
		mine, err1 := file.Stat()
		there, err2 := os.Stat(f.lockFile())
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			l := &runLock{file}
			if err := errors.Join(file.Truncate(0), l.sign()); err != nil {
				return nil, errors.Join(err, l.release())
			}
			return l, nil
		}
		file.Close()
	}
}

func (l *runLock) sign() error {
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process in a lock file.
func holder(path string) string {
	text, err := os.ReadFile(path)
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return "process " + pid
	}
	return "another process"
}
