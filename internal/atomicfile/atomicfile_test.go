package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// check fails unless the file holds s and its folder nothing that Write left behind.
func check(t *testing.T, path, s string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != s {
		t.Errorf("%s holds %q (%v), want %q", path, got, err, s)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), ".tmp-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func TestWriteMakesAndReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	long := strings.Repeat("0123456789", 100000)
	for _, s := range []string{"old", long, "", "new"} {
		if err := Write(path, text(s)); err != nil {
			t.Fatal(err)
		}
		check(t, path, s)
	}
}

func TestFailureKeepsWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Write(path, text("old")); err != nil {
		t.Fatal(err)
	}
	fault := errors.New("out of paper")
	fail := func(w io.Writer) error {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			return err
		}
		return fault
	}
	err := Write(path, fail)
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	check(t, path, "old")

	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = Write(path, func(io.Writer) error { panic("torn") })
	}()
	check(t, path, "old")

	fresh := filepath.Join(dir, "fresh")
	if err := Write(fresh, fail); !errors.Is(err, fault) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed write made its file: %v", err)
	}
	if err := Write(filepath.Join(dir, "absent", "file"), text("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
	if err := Write(dir, text("x")); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("over a folder: %v", err)
	}
}

func TestModeAndLinksAreKept(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes and links without rights on windows")
	}
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, text("new")); err != nil {
		t.Fatal(err)
	}
	check(t, path, "new")
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became a file: %v", err)
	}
	if info, err = os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v (%v), want 640", info.Mode(), err)
	}
	plain, atomic := filepath.Join(dir, "plain"), filepath.Join(dir, "atomic")
	if err := errors.Join(os.WriteFile(plain, nil, 0o666), Write(atomic, text(""))); err != nil {
		t.Fatal(err)
	}
	a, err1 := os.Stat(plain)
	b, err2 := os.Stat(atomic)
	if err := errors.Join(err1, err2); err != nil || a.Mode() != b.Mode() {
		t.Errorf("mode %v, an ordinary new file has %v (%v)", b.Mode(), a.Mode(), err)
	}
	if os.Geteuid() == 0 {
		return
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, text("x")); !errors.Is(err, os.ErrPermission) {
		t.Errorf("over a protected file: %v", err)
	}
	check(t, path, "new")
}

func TestDevicesAreWrittenTo(t *testing.T) {
	before, err := os.Stat(os.DevNull)
	if err != nil || before.Mode().IsRegular() {
		t.Skip("no null device")
	}
	if err := Write(os.DevNull, text("x")); err != nil {
		t.Error(err)
	}
	if after, err := os.Stat(os.DevNull); err != nil || after.Mode() != before.Mode() {
		t.Fatalf("the null device became %v (%v)", after.Mode(), err)
	}
	if _, err := os.Stat("/dev/full"); err == nil {
		if err := Write("/dev/full", text("x")); err == nil {
			t.Error("a full device took the bytes")
		}
	}
}

func TestCleanRemovesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Write(path, text("kept")); err != nil {
		t.Fatal(err)
	}
	other, err := create(filepath.Join(dir, "file2"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for range 2 {
		f, err := create(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if err := Clean(path); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left: %v (%v)", entries, err)
	}
	if _, err := os.Stat(other.Name()); err != nil {
		t.Errorf("another file's temporary is gone: %v", err)
	}
	if err := Clean(filepath.Join(dir, "absent", "file")); err == nil {
		t.Error("no folder and no error")
	}
}

func ExampleWrite() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "summary.json")
	err = Write(path, func(w io.Writer) error {
		_, err := io.WriteString(w, "{}\n")
		return err
	})
	b, _ := os.ReadFile(path)
	fmt.Printf("%q %v\n", b, err)
	// Output: "{}\n" <nil>
}
