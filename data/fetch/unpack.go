package fetch

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
)

// maxMember bounds a file of an archive.
const maxMember = 1 << 28

// unpack writes the files of an archive whose names end in .bin into dir, without the folders of the archive. Files that are there with
// that size stay.
func unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	found := false
	for r := tar.NewReader(z); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		name := path.Base(head.Name)
		if head.Typeflag != tar.TypeReg || !strings.HasSuffix(name, ".bin") {
			continue
		}
		if head.Size > maxMember {
			return fmt.Errorf("%s: %s has %d bytes, more than the %d that are unpacked", archive, name, head.Size, maxMember)
		}
		found = true
		to := filepath.Join(dir, name)
		if info, err := os.Stat(to); err == nil && info.Size() == head.Size {
			continue
		}
		if err := atomicfile.Write(to, func(w io.Writer) error { _, err := io.Copy(w, r); return err }); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("%s: holds no file that ends in .bin", archive)
	}
	return nil
}
