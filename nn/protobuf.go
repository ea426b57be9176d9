package nn

import (
	"encoding/binary"
	"math"
)

// A message is the encoding of a protocol-buffers message, to which fields are appended. Source: protobuf.dev, "Encoding".
type message []byte

// Wire types.
const (
	wireVarint  = 0
	wireBytes   = 2
	wireFixed32 = 5
)

func (m *message) tag(field, wire int) { *m = binary.AppendUvarint(*m, uint64(field<<3|wire)) }

// integer appends a field of type int32, int64 or enum.
func (m *message) integer(field int, v int64) {
	m.tag(field, wireVarint)
	*m = binary.AppendUvarint(*m, uint64(v))
}

// float appends a field of type float.
func (m *message) float(field int, v float32) {
	m.tag(field, wireFixed32)
	*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
}

// bytes appends a field of type string, bytes or message.
func (m *message) bytes(field int, v []byte) {
	m.tag(field, wireBytes)
	*m = append(binary.AppendUvarint(*m, uint64(len(v))), v...)
}

// text appends a field of type string.
func (m *message) text(field int, v string) { m.bytes(field, []byte(v)) }
