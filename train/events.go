package train

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"time"
)

// An eventFile appends to the file that TensorBoard reads: TFRecords that hold Event messages.
//
//	record   length uint64, masked CRC of the length, the message, masked CRC of the message; little-endian
//	Event    1: wall time, seconds as double; 2: step as int64; 3: file version, or 5: Summary
//	Summary  1: repeated Value;  Value  1: tag; 2: number as float, or 4: Image
//	Image    1: height, 2: width, 3: channels, 4: PNG
//
// Source: tensorflow/core/lib/io/record_writer.cc, tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto.
type eventFile struct {
	f *os.File
	b []byte
}

const eventVersion = "brain.Event:2"

// openEvents opens the file after the last record that it holds; a new file begins with its version.
func openEvents(path string) (*eventFile, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return nil, err
	}
	e := &eventFile{f: f}
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		err = e.write(appendBytes(appendTime(nil, time.Now()), 3, []byte(eventVersion)))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return e, nil
}

// scalars appends one event with a value a metric.
func (e *eventFile) scalars(step int, metrics []Metric) error {
	var summary []byte
	for _, m := range metrics {
		value := appendBytes(nil, 1, []byte(m.Name))
		value = appendFixed32(value, 2, math.Float32bits(float32(m.Value)))
		summary = appendBytes(summary, 1, value)
	}
	return e.summary(step, summary)
}

// picture appends one event with a picture, given also as PNG.
func (e *eventFile) picture(step int, tag string, m image.Image, png []byte) error {
	channels := uint64(4)
	switch m.(type) {
	case *image.Gray:
		channels = 1
	}
	picture := appendVarint(nil, 1, uint64(m.Bounds().Dy()))
	picture = appendVarint(picture, 2, uint64(m.Bounds().Dx()))
	picture = appendVarint(picture, 3, channels)
	picture = appendBytes(picture, 4, png)
	value := appendBytes(appendBytes(nil, 1, []byte(tag)), 4, picture)
	return e.summary(step, appendBytes(nil, 1, value))
}

func (e *eventFile) summary(step int, summary []byte) error {
	event := appendVarint(appendTime(nil, time.Now()), 2, uint64(step))
	return e.write(appendBytes(event, 5, summary))
}

// write appends one record in one call.
func (e *eventFile) write(event []byte) error {
	e.b = binary.LittleEndian.AppendUint64(e.b[:0], uint64(len(event)))
	e.b = binary.LittleEndian.AppendUint32(e.b, maskedCRC(e.b))
	e.b = append(e.b, event...)
	e.b = binary.LittleEndian.AppendUint32(e.b, maskedCRC(event))
	_, err := e.f.Write(e.b)
	return err
}

func (e *eventFile) sync() error  { return e.f.Sync() }
func (e *eventFile) Close() error { return e.f.Close() }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedCRC returns CRC-32C, rotated and shifted so that data that holds its own CRC has no special one.
func maskedCRC(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// The wire types of protocol buffers.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

func appendTag(b []byte, field, wire uint64) []byte {
	return binary.AppendUvarint(b, field<<3|wire)
}

func appendVarint(b []byte, field, v uint64) []byte {
	return binary.AppendUvarint(appendTag(b, field, wireVarint), v)
}

func appendBytes(b []byte, field uint64, v []byte) []byte {
	return append(binary.AppendUvarint(appendTag(b, field, wireBytes), uint64(len(v))), v...)
}

func appendFixed32(b []byte, field uint64, v uint32) []byte {
	return binary.LittleEndian.AppendUint32(appendTag(b, field, wireFixed32), v)
}

func appendTime(b []byte, t time.Time) []byte {
	b = appendTag(b, 1, wireFixed64)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(t.UnixMicro())/1e6))
}

var errRecord = errors.New("the record is broken")

// readRecord reads one record of at most left bytes, with its frame.
func readRecord(r io.Reader, left int64) ([]byte, error) {
	const frame = 16
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if maskedCRC(head[:8]) != binary.LittleEndian.Uint32(head[8:]) || left < frame || n > uint64(left-frame) {
		return nil, errRecord
	}
	event := make([]byte, n+4)
	if _, err := io.ReadFull(r, event); err != nil {
		return nil, err
	}
	if maskedCRC(event[:n]) != binary.LittleEndian.Uint32(event[n:]) {
		return nil, errRecord
	}
	return event[:n], nil
}

// eachField calls visit for the fields of a message, with the number for a varint and the bytes for anything else, and reports whether
// the message is well formed.
func eachField(b []byte, visit func(field, v uint64, bytes []byte)) bool {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return false
		}
		b = b[n:]
		var v, size uint64
		switch tag & 7 {
		case wireVarint:
			if v, n = binary.Uvarint(b); n <= 0 {
				return false
			}
			b = b[n:]
		case wireFixed64:
			size = 8
		case wireFixed32:
			size = 4
		case wireBytes:
			if size, n = binary.Uvarint(b); n <= 0 {
				return false
			}
			b = b[n:]
		default:
			return false
		}
		if size > uint64(len(b)) {
			return false
		}
		visit(tag>>3, v, b[:size])
		b = b[size:]
	}
	return true
}

// eventInfo returns the step of an event and the tag of its first value.
func eventInfo(event []byte) (step int, tag string, ok bool) {
	ok = eachField(event, func(field, v uint64, body []byte) {
		switch field {
		case 2:
			step = int(v)
		case 5:
			eachField(body, func(_, _ uint64, value []byte) {
				eachField(value, func(field, _ uint64, text []byte) {
					if field == 1 && tag == "" {
						tag = string(text)
					}
				})
			})
		}
	})
	return step, tag, ok
}

// The tag of sample pictures.
const tagSamples = "samples"

// cutEvents cuts an event file off after the records of the step. A missing file is not an error.
func cutEvents(path string, c Config, step int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var keep int64
	for r := bufio.NewReader(f); ; {
		event, err := readRecord(r, info.Size()-keep)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errRecord) {
			break
		}
		if err != nil {
			return err
		}
		at, tag, ok := eventInfo(event)
		if !ok || at > step || at == step && at > 0 && !eventScheduled(c, at, tag) {
			break
		}
		if keep == 0 && !bytes.Contains(event, []byte(eventVersion)) {
			break
		}
		keep += int64(len(event)) + 16
	}
	return f.Truncate(keep)
}

// eventScheduled is for events what scheduled is for lines.
func eventScheduled(c Config, step int, tag string) bool {
	switch {
	case tag == tagSamples:
		return c.samples(step)
	case strings.HasPrefix(tag, keyHeldOut):
		return c.evals(step)
	}
	return c.logs(step)
}
