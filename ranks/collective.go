package ranks

import (
	"math"
	"time"
	"unsafe"
)

// A Number is an element of what collective calls carry.
type Number interface {
	~float32 | ~float64 | ~int32 | ~int64 | ~uint8
}

// bytesOf views x as bytes. All ranks are taken to have one byte order.
func bytesOf[T Number](x []T) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), len(x)*int(unsafe.Sizeof(x[0])))
}

// Sum replaces x, of the same length on every rank, by the sum over the ranks:
//
//	x_i = x_i of rank 0 + x_i of rank 1 + ...
//
// added in this order in T, so that all ranks get the same bits, and get them again. Each rank adds a part of x: it sends and receives
// twice the length of x, for any number of ranks.
func Sum[T ~float32 | ~float64](c *Comm, x []T) error {
	if c.Size() == 1 {
		return nil
	}
	return SumStart(c, x).Wait()
}

// SumStart is Sum that goes on while the caller does other work. x must not be touched before Wait returns.
func SumStart[T ~float32 | ~float64](c *Comm, x []T) *Pending {
	return reduce(c, x, func(acc, part []T) {
		for i, v := range part {
			acc[i] += v
		}
	})
}

// Max replaces x by the greatest over the ranks, element by element.
func Max[T ~float32 | ~float64](c *Comm, x []T) error {
	return reduce(c, x, func(acc, part []T) {
		for i, v := range part {
			acc[i] = max(acc[i], v)
		}
	}).Wait()
}

// reduce leaves on every rank what add makes of the ranks' x in order. Rank r reduces part r of x, and the parts are gathered.
func reduce[T ~float32 | ~float64](c *Comm, x []T, add func(acc, part []T)) *Pending {
	if c.Size() == 1 || len(x) == 0 {
		return nil
	}
	return c.start(func(t Transport) error {
		size := t.Size()
		part := (len(x) + size - 1) / size
		send, got := make([]T, part*size), make([]T, part*size)
		copy(send, x)
		begin := time.Now()
		if err := t.Alltoall(bytesOf(got), bytesOf(send)); err != nil {
			return err
		}
		first := time.Since(begin)
		acc := got[:part]
		for r := 1; r < size; r++ {
			add(acc, got[r*part:(r+1)*part])
		}
		begin = time.Now()
		if err := t.Allgather(bytesOf(send), bytesOf(acc)); err != nil {
			return err
		}
		copy(x, send)
		c.count(Traffic{Bytes: 2 * int64(len(bytesOf(x))), Waiting: max(0, first-time.Since(begin))})
		return nil
	})
}

// LogSumExp replaces l, base-2 logarithms of one number a rank and element, by the logarithm of their sum:
//
//	l_i = log2 sum_r 2^(l_i of rank r)
//
// Each sum has the greatest of its terms as the common exponent, so that none under- or overflows. -Inf is the logarithm of 0.
func LogSumExp(c *Comm, l []float64) error {
	if c.Size() == 1 {
		return nil
	}
	top := append([]float64(nil), l...)
	if err := Max(c, top); err != nil {
		return err
	}
	for i, v := range l {
		if l[i] = 0; !math.IsInf(top[i], -1) {
			l[i] = math.Exp2(v - top[i])
		}
	}
	if err := Sum(c, l); err != nil {
		return err
	}
	for i, v := range l {
		l[i] = top[i] + math.Log2(v)
	}
	return nil
}

// Gather returns the ranks' x, of any lengths, one after the other, and how long each is.
func Gather[T Number](c *Comm, x []T) (all []T, counts []int, err error) {
	if c.Size() == 1 {
		return append([]T(nil), x...), []int{len(x)}, nil
	}
	return gather(c, x)
}

func gather[T Number](c *Comm, x []T) (all []T, counts []int, err error) {
	err = c.call(func(t Transport) error {
		size := t.Size()
		lengths, mine := make([]int64, size), []int64{int64(len(x))}
		if err := t.Allgather(bytesOf(lengths), bytesOf(mine)); err != nil {
			return err
		}
		counts = make([]int, size)
		longest := 0
		for r, n := range lengths {
			counts[r] = int(n)
			longest = max(longest, int(n))
		}
		if longest == 0 {
			return nil
		}
		padded := x
		if len(x) < longest {
			padded = make([]T, longest)
			copy(padded, x)
		}
		got := make([]T, longest*size)
		c.count(Traffic{Bytes: int64(len(bytesOf(padded)))})
		if err := t.Allgather(bytesOf(got), bytesOf(padded)); err != nil {
			return err
		}
		for r, n := range counts {
			all = append(all, got[r*longest:r*longest+n]...)
		}
		return nil
	})
	return all, counts, err
}

// Broadcast copies x of the root to the x of every other rank, of the same length.
func Broadcast[T Number](c *Comm, x []T, root int) error {
	if c.Size() == 1 || len(x) == 0 {
		return nil
	}
	return c.call(func(t Transport) error {
		c.count(Traffic{Bytes: int64(len(bytesOf(x)))})
		return t.Broadcast(bytesOf(x), root)
	})
}

// BroadcastBytes returns the text of the root, of any length, on every rank; that of other ranks does not count.
func BroadcastBytes(c *Comm, text []byte, root int) ([]byte, error) {
	size := []int64{int64(len(text))}
	if err := Broadcast(c, size, root); err != nil {
		return nil, err
	}
	if c.Rank() != root {
		text = make([]byte, size[0])
	}
	return text, Broadcast(c, text, root)
}

// Span returns the part [lo, hi) of n pieces of work that a rank has. The parts differ by at most one piece.
func Span(n, rank, size int) (lo, hi int) { return rank * n / size, (rank + 1) * n / size }
