package data

import (
	"encoding/binary"
	"fmt"
	"math"
)

// An npyElem is the type of the elements of a .npy file.
type npyElem struct {
	kind  byte // f, i, u or b
	size  int  // bytes
	order binary.ByteOrder
}

// parseNPYElem parses a type such as <f8, >i4 or |u1.
func parseNPYElem(descr string) (npyElem, error) {
	refuse := func(what string) (npyElem, error) {
		return npyElem{}, fmt.Errorf("elements of type %q%s; floats of 2, 4 or 8 bytes, integers and booleans are read", descr, what)
	}
	if len(descr) < 2 {
		return refuse("")
	}
	e := npyElem{order: binary.LittleEndian}
	kind := descr
	switch descr[0] {
	case '>':
		e.order = binary.BigEndian
		kind = descr[1:]
	case '<', '|':
		kind = descr[1:]
	}
	switch kind[0] {
	case 'O':
		return refuse(", Python objects: reading them would run code from the file")
	case 'c':
		return refuse(", complex numbers: save their real part")
	case 'S', 'U', 'a', 'V', 'M', 'm':
		return refuse(", no numbers")
	}
	switch kind {
	case "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1":
		e.kind, e.size = kind[0], int(kind[1]-'0')
	default:
		return refuse("")
	}
	if e.size > 1 && descr[0] != '<' && descr[0] != '>' {
		return refuse(" without a byte order")
	}
	return e, nil
}

// decode turns the first len(dst) elements of src into numbers. A true boolean, any byte but 0, is 1.
func (e npyElem) decode(dst []float64, src []byte) {
	switch {
	case e.kind == 'f' && e.size == 8:
		for i := range dst {
			dst[i] = math.Float64frombits(e.order.Uint64(src[8*i:]))
		}
	case e.kind == 'f' && e.size == 4:
		for i := range dst {
			dst[i] = float64(math.Float32frombits(e.order.Uint32(src[4*i:])))
		}
	case e.kind == 'f':
		for i := range dst {
			dst[i] = halfToFloat(e.order.Uint16(src[2*i:]))
		}
	case e.kind == 'i':
		for i := range dst {
			shift := 64 - 8*e.size
			dst[i] = float64(int64(e.uint(src[e.size*i:])<<shift) >> shift)
		}
	case e.kind == 'u':
		for i := range dst {
			dst[i] = float64(e.uint(src[e.size*i:]))
		}
	default:
		for i := range dst {
			dst[i] = min(float64(src[i]), 1)
		}
	}
}

func (e npyElem) uint(b []byte) uint64 {
	switch e.size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(e.order.Uint16(b))
	case 4:
		return uint64(e.order.Uint32(b))
	}
	return e.order.Uint64(b)
}

// halfToFloat returns the value of an IEEE 754 binary16 number: 1 sign bit, 5 exponent bits of bias 15, 10 fraction bits.
func halfToFloat(h uint16) float64 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	v := math.Ldexp(fraction, -24)
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		v = math.Inf(1)
	case exponent > 0:
		v = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 != 0 {
		v = -v
	}
	return v
}
