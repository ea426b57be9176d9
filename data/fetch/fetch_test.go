package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// content is a file of the test server.
var content = bytes.Repeat([]byte("sinkhorn"), 50000)

func setOf(mirror string, files map[string][]byte) Set {
	s := Set{Name: "test", Mirror: mirror}
	for name, b := range files {
		sum := sha256.Sum256(b)
		s.Files = append(s.Files, File{Name: name, Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])})
	}
	return s
}

// serve starts a server of these files, which counts requests and the bytes asked to begin at.
func serve(t *testing.T, files map[string][]byte, requests *[]string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		*requests = append(*requests, name+" "+r.Header.Get("Range"))
		b, ok := files[name]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(b))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGet(t *testing.T) {
	files := map[string][]byte{"a": content, "b": []byte("short")}
	var requests []string
	s := setOf(serve(t, files, &requests), files)
	dir := filepath.Join(t.TempDir(), "new", "folder")
	var last int64
	g := Getter{Progress: func(name string, have, all int64) {
		if name == "a" {
			last = have
		}
	}}
	for range 2 { // the second time nothing is asked of the server
		if err := g.Get(context.Background(), s, dir); err != nil {
			t.Fatal(err)
		}
		for name, b := range files {
			if !bytes.Equal(read(t, filepath.Join(dir, name)), b) {
				t.Errorf("%s differs", name)
			}
		}
	}
	if len(requests) != 2 || last != int64(len(content)) {
		t.Errorf("requests %q, progress to %d", requests, last)
	}
	// A file that was damaged since is fetched again.
	if err := os.WriteFile(filepath.Join(dir, "b"), []byte("shoxt"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := g.Get(context.Background(), s, dir); err != nil || string(read(t, filepath.Join(dir, "b"))) != "short" {
		t.Errorf("damaged file: %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v", entries, err)
	}
}

func TestGetGoesOn(t *testing.T) {
	files := map[string][]byte{"a": content}
	var requests []string
	s := setOf(serve(t, files, &requests), files)
	for _, tc := range []struct {
		name string
		part []byte
		want string
	}{
		{"half", content[:1000], "a bytes=1000-"},
		{"whole but not renamed", content, ""},
		{"too long", append(bytes.Clone(content), 1), "a "},
	} {
		dir := t.TempDir()
		requests = nil
		if err := os.WriteFile(filepath.Join(dir, "a.part"), tc.part, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := new(Getter).Get(context.Background(), s, dir); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(requests, ","); got != tc.want || !bytes.Equal(read(t, filepath.Join(dir, "a")), content) {
			t.Errorf("%s: requests %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestGetFromAServerWithoutRanges, and from one that breaks off.
func TestGetFromPoorServers(t *testing.T) {
	s := setOf("", map[string][]byte{"a": content})
	whole := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(content) }))
	defer whole.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "400000")
		_, _ = w.Write(content[:5000])
	}))
	defer broken.Close()
	dir := t.TempDir()
	s.Mirror = broken.URL
	if err := new(Getter).Get(context.Background(), s, dir); err == nil || !strings.Contains(err.Error(), "ended after 5000 of 400000 bytes") {
		t.Fatalf("a broken connection: %v", err)
	}
	if got := len(read(t, filepath.Join(dir, "a.part"))); got != 5000 {
		t.Errorf("%d bytes kept", got)
	}
	s.Mirror = whole.URL
	if err := new(Getter).Get(context.Background(), s, dir); err != nil || !bytes.Equal(read(t, filepath.Join(dir, "a")), content) {
		t.Errorf("after that, from the start: %v", err)
	}
}

func TestGetFaults(t *testing.T) {
	var requests []string
	other := bytes.Clone(content)
	other[7]++
	mirror := serve(t, map[string][]byte{"a": other, "long": append(bytes.Clone(content), 1)}, &requests)
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	long := setOf(mirror, map[string][]byte{"long": content})
	for name, tc := range map[string]struct {
		set  Set
		part string
	}{
		"other bytes": {setOf(mirror, map[string][]byte{"a": content}), "SHA-256"},
		"no file":     {setOf(mirror, map[string][]byte{"b": content}), "404"},
		"too long":    {long, "more than the 400000 bytes"},
		"no server":   {setOf(away.URL, map[string][]byte{"a": content}), "cannot be reached"},
		"no address":  {setOf("http://[::1", map[string][]byte{"a": content}), "no address"},
	} {
		dir := t.TempDir()
		err := new(Getter).Get(context.Background(), tc.set, dir)
		if err == nil || !strings.Contains(err.Error(), tc.part) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "no server" && !errors.Is(err, ErrNoNetwork) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, tc.set.Files[0].Name)); err == nil {
			t.Errorf("%s: the file is there", name)
		}
		if name == "other bytes" {
			if _, err := os.Stat(filepath.Join(dir, "a.part")); err == nil {
				t.Error("the wrong bytes were kept")
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := new(Getter).Get(ctx, setOf(mirror, map[string][]byte{"a": content}), t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestUnpack(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{"x/../../data_batch_1.bin": "one", "x/test_batch.bin": "two", "x/readme.html": "no"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"set.tar.gz": b.Bytes()}
	var requests []string
	s := setOf(serve(t, files, &requests), files)
	s.Files[0].Unpack = true
	parent := t.TempDir()
	dir := filepath.Join(parent, "in", "here")
	if err := new(Getter).Get(context.Background(), s, dir); err != nil {
		t.Fatal(err)
	}
	if string(read(t, filepath.Join(dir, "data_batch_1.bin"))) != "one" || string(read(t, filepath.Join(dir, "test_batch.bin"))) != "two" {
		t.Error("unpacked files differ")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
	if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
		t.Errorf("outside of the folder: %v, %v", entries, err)
	}
}

func TestFind(t *testing.T) {
	for _, name := range []string{"mnist", "cifar10"} {
		s, err := Find(name)
		if err != nil || s.Name != name || len(s.Files) == 0 {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if _, err := Find("imagenet"); err == nil || !strings.Contains(err.Error(), "mnist, cifar10") {
		t.Errorf("unknown: %v", err)
	}
}

// TestKnownMNIST: the checksums are those of the files beside the repository.
func TestKnownMNIST(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "data", "mnist")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%s is absent", dir)
	}
	s, err := Find("mnist")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Files {
		b := read(t, filepath.Join(dir, f.Name))
		sum := sha256.Sum256(b)
		if int64(len(b)) != f.Size || hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s: %d bytes, SHA-256 %x", f.Name, len(b), sum)
		}
	}
}
