// Package random gives each purpose of a run (initialisation, noise, data, augmentation) its own stream of random numbers.
//
// A stream is ChaCha8 keyed by SHA-256 of the seed and the stream's name. Streams are independent of the order in which they are
// created and of how many there are: a new one never shifts another. A stream's state is 33 to 47 bytes and restores exactly.
package random

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
)

// A Stream is a source of random numbers whose state can be saved. It is not safe for concurrent use.
type Stream struct {
	*rand.Rand
	src *rand.ChaCha8
}

// New returns the stream of that name under the seed.
//
//	key = SHA-256(seed as 8 bytes little-endian, name)
//
// Further parts, such as an epoch number, give streams below the named one.
func New(seed uint64, name string, part ...uint64) *Stream {
	h := sha256.New()
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], seed)
	h.Write(b[:])
	h.Write([]byte(name))
	for _, p := range part {
		binary.LittleEndian.PutUint64(b[:], p)
		h.Write([]byte{0})
		h.Write(b[:])
	}
	src := rand.NewChaCha8([32]byte(h.Sum(nil)))
	return &Stream{Rand: rand.New(src), src: src}
}

// MarshalBinary returns the state of the stream.
func (s *Stream) MarshalBinary() ([]byte, error) { return s.src.MarshalBinary() }

// UnmarshalBinary sets the state of the stream to one that MarshalBinary returned.
func (s *Stream) UnmarshalBinary(state []byte) error {
	src := new(rand.ChaCha8)
	if err := src.UnmarshalBinary(state); err != nil {
		return fmt.Errorf("random: state of %d bytes is not a ChaCha8 state: %w", len(state), err)
	}
	s.src, s.Rand = src, rand.New(src)
	return nil
}

// Numbers are the draws that the functions below take: *rand.Rand and [*Stream].
type Numbers interface {
	Float64() float64     // uniform on [0, 1)
	NormFloat64() float64 // standard normal
}

// Uniform fills dst with numbers uniform on [lo, hi).
func Uniform[T float32 | float64](s Numbers, dst []T, lo, hi float64) {
	for i := range dst {
		dst[i] = T(lo + (hi-lo)*s.Float64())
	}
}

// Normal fills dst with normal numbers of that mean and standard deviation.
func Normal[T float32 | float64](s Numbers, dst []T, mean, std float64) {
	for i := range dst {
		dst[i] = T(mean + std*s.NormFloat64())
	}
}

// Sphere fills each row of dst (rows x d) with a point uniform on the unit sphere of R^d.
func Sphere[T float32 | float64](s Numbers, dst []T, d int) {
	for i := 0; i+d <= len(dst); i += d {
		Normal(s, dst[i:i+d], 0, 1)
		var q float64
		for _, v := range dst[i : i+d] {
			q += float64(v) * float64(v)
		}
		for k := range dst[i : i+d] {
			dst[i+k] = T(float64(dst[i+k]) / math.Sqrt(q))
		}
	}
}
