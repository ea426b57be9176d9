// Package fetch downloads the public data sets that package data reads, verifies them, and resumes what was interrupted.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// A Set is a data set on the net.
type Set struct {
	Name   string
	Mirror string // the folder that holds the files
	Files  []File
}

// A File is one file of a set.
type File struct {
	Name   string
	Size   int64
	SHA256 string // hexadecimal
	Unpack bool   // is a .tar.gz whose .bin files are what is wanted
}

// Sets are the known data sets.
var Sets = []Set{
	{"mnist", "https://ossci-datasets.s3.amazonaws.com/mnist/", []File{
		{Name: "train-images-idx3-ubyte.gz", Size: 9912422, SHA256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"},
		{Name: "train-labels-idx1-ubyte.gz", Size: 28881, SHA256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"},
		{Name: "t10k-images-idx3-ubyte.gz", Size: 1648877, SHA256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"},
		{Name: "t10k-labels-idx1-ubyte.gz", Size: 4542, SHA256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"},
	}},
	{"cifar10", "https://www.cs.toronto.edu/~kriz/", []File{
		{Name: "cifar-10-binary.tar.gz", Size: 170052171, SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", Unpack: true},
	}},
}

// Find returns the set of that name.
func Find(name string) (Set, error) {
	var names []string
	for _, s := range Sets {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Set{}, fmt.Errorf("unknown data set %q; known are %s", name, strings.Join(names, ", "))
}

// A Getter downloads sets.
type Getter struct {
	Client   *http.Client                       // nil: the usual one
	Progress func(file string, have, all int64) // nil: none
}

// ErrNoNetwork is the error of a server that could not be reached.
var ErrNoNetwork = errors.New("cannot be reached: there is no network here, or the server is away; another one can be given by --mirror")

// Get puts the files of a set into a folder, which is made if it is absent. A file that is there and has the right checksum is left as it
// is. A download goes to a name ending in .part and goes on there when it was interrupted; it takes its own name once its checksum is
// right. One with a wrong checksum is removed, and the error says what was expected and found.
func (g *Getter) Get(ctx context.Context, s Set, dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, f := range s.Files {
		if err := g.file(ctx, s, f, dir); err != nil {
			return err
		}
		if f.Unpack {
			if err := unpack(filepath.Join(dir, f.Name), dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Getter) file(ctx context.Context, s Set, f File, dir string) error {
	path := filepath.Join(dir, f.Name)
	part := path + ".part"
	if sum, err := sumOf(path); err == nil && sum == f.SHA256 {
		g.progress(f.Name, f.Size, f.Size)
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := g.download(ctx, s, f, part); err != nil {
		return err
	}
	sum, err := sumOf(part)
	if err != nil {
		return err
	}
	if sum != f.SHA256 {
		err := fmt.Errorf("%s from %s: SHA-256 %s, want %s: not the file that is known, and removed; try again or another --mirror", f.Name, s.Mirror, sum, f.SHA256)
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, path)
}

// download brings part to its full size.
func (g *Getter) download(ctx context.Context, s Set, f File, part string) error {
	from, err := url.JoinPath(s.Mirror, f.Name)
	if err != nil {
		return fmt.Errorf("%s: no address of a mirror: %w", s.Mirror, err)
	}
	out, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	err = g.fill(ctx, out, from, f)
	return errors.Join(err, out.Close())
}

func (g *Getter) fill(ctx context.Context, out *os.File, from string, f File) error {
	have, err := out.Seek(0, io.SeekEnd)
	if err != nil || have == f.Size {
		return err
	}
	if have > f.Size {
		have = 0
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	client := g.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s %w (%v)", from, ErrNoNetwork, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if want := fmt.Sprintf("bytes %d-", have); !strings.HasPrefix(resp.Header.Get("Content-Range"), want) {
			return fmt.Errorf("%s: the server answers with the range %q, want one that begins with %q", from, resp.Header.Get("Content-Range"), want)
		}
	case http.StatusOK:
		have = 0
	default:
		return fmt.Errorf("%s: the server answers %s; another one can be given by --mirror", from, resp.Status)
	}
	if err := out.Truncate(have); err != nil {
		return err
	}
	if _, err := out.Seek(have, io.SeekStart); err != nil {
		return err
	}
	return g.copy(out, resp.Body, from, f, have)
}

// copy appends the body, one byte more than the file has at most.
func (g *Getter) copy(out *os.File, body io.Reader, from string, f File, have int64) error {
	buf := make([]byte, 1<<16)
	for {
		n, err := body.Read(buf)
		if have+int64(n) > f.Size {
			return fmt.Errorf("%s: the server sends more than the %d bytes of the file that is known", from, f.Size)
		}
		if _, werr := out.Write(buf[:n]); werr != nil {
			return werr
		}
		have += int64(n)
		if n > 0 {
			g.progress(f.Name, have, f.Size)
		}
		switch {
		case errors.Is(err, io.EOF) && have == f.Size:
			return out.Sync()
		case errors.Is(err, context.Canceled):
			return err
		case err != nil:
			return fmt.Errorf("%s: ended after %d of %d bytes (%v); the same command goes on from there", from, have, f.Size, err)
		}
	}
}

func (g *Getter) progress(name string, have, all int64) {
	if g.Progress != nil {
		g.Progress(name, have, all)
	}
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
