package data

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// maxInflated bounds what a gzip file may unpack to. A plain file is bounded by its own size.
const maxInflated = 1 << 31

var errTooLarge = errors.New("unpacks to too much")

// An input is a file or stream being read, unpacked where it is gzip. It knows its name, where it is, and how long it is where the
// file system says so, so that no length in a header is believed before the bytes are there.
type input struct {
	name  string
	r     *bufio.Reader
	size  int64 // bytes in all, or -1 where only the end of the stream will tell
	off   int64 // bytes read
	limit int64 // bytes that may be read, for a stream
	file  *os.File
}

// openInput opens the file at path. The caller closes it.
func openInput(path string) (*input, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s: is a folder, a file is needed", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	size := int64(-1)
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	in, err := newInput(f, path, size)
	if err != nil {
		f.Close()
		return nil, err
	}
	in.file = f
	return in, nil
}

// newInput returns the input of the bytes of r, unpacked if they begin as gzip. A size of -1 means unknown.
func newInput(r io.Reader, name string, size int64) (*input, error) {
	in := &input{name: name, r: bufio.NewReaderSize(r, 1<<16), size: size, limit: math.MaxInt64}
	if magic, _ := in.r.Peek(2); string(magic) != "\x1f\x8b" {
		return in, nil
	}
	z, err := gzip.NewReader(in.r)
	if err != nil {
		return nil, fmt.Errorf("%s: damaged gzip header: %w", name, err)
	}
	in.r, in.size, in.limit = bufio.NewReaderSize(z, 1<<16), -1, maxInflated
	return in, nil
}

// streamInput returns the input of the bytes of r as they are, of which at most limit are read.
func streamInput(r io.Reader, name string, limit int64) *input {
	return &input{name: name, r: bufio.NewReaderSize(r, 1<<12), size: -1, limit: limit}
}

// Close closes the file, if the input has one.
func (in *input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

// Read reads on, and fails past the limit.
func (in *input) Read(p []byte) (int, error) {
	if left := in.limit - in.off; int64(len(p)) > left {
		if left == 0 {
			if _, err := in.r.Peek(1); err != nil {
				return 0, err
			}
			return 0, errTooLarge
		}
		p = p[:left]
	}
	n, err := in.r.Read(p)
	in.off += int64(n)
	return n, err
}

// take returns the next n bytes, or an error that names the bytes expected and found. It allocates no more than a small multiple of
// what is there.
func (in *input) take(n uint64) ([]byte, error) {
	if err := in.need(n); err != nil {
		return nil, err
	}
	if in.size >= 0 {
		b := make([]byte, n)
		got, err := io.ReadFull(in, b)
		return b, in.short(err, uint64(got), n)
	}
	b, err := io.ReadAll(io.LimitReader(in, int64(n)))
	if err == nil && uint64(len(b)) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, in.short(err, uint64(len(b)), n)
}

// need checks that n more bytes are possible.
func (in *input) need(n uint64) error {
	if in.size == 0 && n > 0 {
		return fmt.Errorf("%s: the file is empty", in.name)
	}
	if in.size >= 0 && n > uint64(in.size-in.off) {
		return fmt.Errorf("%s: truncated: %s bytes expected, %d found; copy it again, whole", in.name, total(in.off, n), in.size)
	}
	if n > uint64(in.limit-in.off) {
		return in.tooLarge()
	}
	if n > math.MaxInt {
		return fmt.Errorf("%s: claims %d bytes, more than this machine can address", in.name, n)
	}
	return nil
}

func (in *input) tooLarge() error {
	return fmt.Errorf("%s: %w: %d bytes are the limit; unpack it and pass the plain file", in.name, errTooLarge, in.limit)
}

// short explains an error that came when got of n bytes had been read.
func (in *input) short(err error, got, n uint64) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		start := in.off - int64(got)
		return fmt.Errorf("%s: truncated: %s bytes expected, %d found; copy it again, whole", in.name, total(start, n), in.off)
	}
	return in.damaged(err)
}

// damaged says where reading failed.
func (in *input) damaged(err error) error {
	if errors.Is(err, errTooLarge) {
		return in.tooLarge()
	}
	if errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		return fmt.Errorf("%s: damaged gzip stream after %d unpacked bytes: %w", in.name, in.off, err)
	}
	return fmt.Errorf("%s: after %d bytes: %w", in.name, in.off, err)
}

// total formats off + n, which may not fit an integer.
func total(off int64, n uint64) string {
	if sum := uint64(off) + n; sum >= n {
		return fmt.Sprint(sum)
	}
	return fmt.Sprintf("%d + %d", off, n)
}

// end checks that nothing follows, which for gzip also verifies its checksum.
func (in *input) end() error {
	if in.size > in.off {
		return fmt.Errorf("%s: %d bytes expected, %d found: %d too many", in.name, in.off, in.size, in.size-in.off)
	}
	var b [1]byte
	expected := in.off
	switch n, err := io.ReadFull(in, b[:]); {
	case n > 0:
		return fmt.Errorf("%s: %d bytes expected, more follow", in.name, expected)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: truncated: the stream ends after %d bytes without its trailer", in.name, expected)
	case !errors.Is(err, io.EOF):
		return in.damaged(err)
	}
	return nil
}
