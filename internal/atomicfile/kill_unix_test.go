//go:build linux || darwin

package atomicfile

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// child runs this test binary again with only the named test and path in its environment.
func child(test, path string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), "ATOMICFILE_CHILD="+path)
	return cmd
}

func TestKillKeepsWhatWasThere(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_CHILD"); path != "" {
		_ = Write(path, func(w io.Writer) error {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return err
			}
			os.Stdout.WriteString("half\n")
			select {}
		})
		return
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, text("old")); err != nil {
		t.Fatal(err)
	}
	cmd := child("TestKillKeepsWhatWasThere", path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "half\n" {
		t.Errorf("the child said %q: %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
		t.Errorf("after the kill %q, %v", b, err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".file.tmp-*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("left after the kill: %v, %v", left, err)
	}
	if err := Clean(path); err != nil {
		t.Fatal(err)
	}
	check(t, path, "old")
}

// TestNoRoomKeepsWhatWasThere writes under a limit of the size of files, which fails like a full disk: a part of the bytes goes out.
func TestNoRoomKeepsWhatWasThere(t *testing.T) {
	if path := os.Getenv("ATOMICFILE_CHILD"); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 16, Max: 1 << 16}); err != nil {
			os.Exit(2)
		}
		err := Write(path, func(w io.Writer) error {
			for range 1 << 10 {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return err
				}
			}
			return nil
		})
		if !errors.Is(err, syscall.EFBIG) {
			os.Exit(3)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := Write(path, text("old")); err != nil {
		t.Fatal(err)
	}
	if err := child("TestNoRoomKeepsWhatWasThere", path).Run(); err != nil {
		t.Errorf("the child: %v (2: no limit set, 3: no error from Write)", err)
	}
	check(t, path, "old")
}
