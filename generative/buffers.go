package generative

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/sinkcpu/sinkcpu/nn"
)

// saveBuffers adds what a network remembers beside its parameters, such as running moments, to a state under names with that prefix.
func saveBuffers(state map[string][]byte, prefix string, net nn.Layer[float32]) error {
	for _, b := range nn.Buffers(net) {
		var text []byte
		switch {
		case b.Value != nil:
			for _, v := range b.Value.Values() {
				if v-v != 0 {
					return fmt.Errorf("%w: %s%s", ErrNotFinite, prefix, b.Name)
				}
				text = binary.LittleEndian.AppendUint32(text, math.Float32bits(v))
			}
		case b.Count != nil:
			text = binary.AppendVarint(nil, *b.Count)
		default:
			var err error
			if text, err = b.Stream.MarshalBinary(); err != nil {
				return err
			}
		}
		state[prefix+b.Name] = text
	}
	return nil
}

// restoreBuffers sets what saveBuffers kept.
func restoreBuffers(state map[string][]byte, prefix string, net nn.Layer[float32]) error {
	for _, b := range nn.Buffers(net) {
		text, ok := state[prefix+b.Name]
		bad := fmt.Errorf("generative: the state does not fit %s%s", prefix, b.Name)
		switch {
		case !ok:
			return bad
		case b.Value != nil:
			if len(text) != 4*b.Value.Size() {
				return bad
			}
			values := make([]float32, b.Value.Size())
			for i := range values {
				v := math.Float32frombits(binary.LittleEndian.Uint32(text[4*i:]))
				if v-v != 0 {
					return bad
				}
				values[i] = v
			}
			b.Value.SetValues(values)
		case b.Count != nil:
			v, n := binary.Varint(text)
			if n <= 0 || n != len(text) {
				return bad
			}
			*b.Count = v
		default:
			if err := b.Stream.UnmarshalBinary(text); err != nil {
				return fmt.Errorf("%w: %v", bad, err)
			}
		}
	}
	return nil
}
