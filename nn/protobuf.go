package nn

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// A message is the encoding of a protocol-buffers message, to which fields are appended.
type message []byte

func (m *message) tag(field protowire.Number, wire protowire.Type) {
	*m = protowire.AppendTag(*m, field, wire)
}

// integer appends a field of type int32, int64 or enum.
func (m *message) integer(field protowire.Number, v int64) {
	m.tag(field, protowire.VarintType)
	*m = protowire.AppendVarint(*m, uint64(v))
}

// float appends a field of type float.
func (m *message) float(field protowire.Number, v float32) {
	m.tag(field, protowire.Fixed32Type)
	*m = protowire.AppendFixed32(*m, math.Float32bits(v))
}

// bytes appends a field of type string, bytes or message.
func (m *message) bytes(field protowire.Number, v []byte) {
	m.tag(field, protowire.BytesType)
	*m = protowire.AppendBytes(*m, v)
}

// text appends a field of type string.
func (m *message) text(field protowire.Number, v string) { m.bytes(field, []byte(v)) }
