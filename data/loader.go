package data

// A Loader is a [Batcher] that makes the next batch in the background while its caller works on the last, so that reading rows and turning
// bytes into numbers costs the caller one copy. Its batches are those of the Batcher, and Position and Seek resume exactly: a batch
// that was made and not yet taken does not count.
//
// The batch ahead has as many rows as the last; where another number is asked for it is made again. A Loader is not safe for concurrent use.
type Loader struct {
	batcher  *Batcher
	position uint64        // after the last batch that was taken
	ready    chan struct{} // closed when the batch ahead is made; nil where there is none
	rows     int           // of the batch ahead
	ahead    []float32
	index    []int // of the last batch
}

// NewLoader returns the loader of NewBatcher(ds, seed, stream). It panics when ds has no row.
func NewLoader(ds *Dataset, seed uint64, stream string) *Loader {
	return &Loader{batcher: NewBatcher(ds, seed, stream)}
}

// Position returns how many rows have been taken.
func (l *Loader) Position() uint64 { return l.position }

// Seek sets how many rows count as taken.
func (l *Loader) Seek(position uint64) {
	l.Close()
	l.position = position
	l.batcher.Seek(position)
}

// Close waits for work in the background, and forgets the batch ahead. The loader can be used on.
func (l *Loader) Close() {
	if l.ready != nil {
		<-l.ready
		l.ready = nil
		l.batcher.Seek(l.position)
	}
}

// Next is [Batcher.Next], and begins the batch after it.
func (l *Loader) Next(dst []float32, rows int) []int {
	if rows < 0 {
		panic(errRowsRange)
	}
	dim := l.batcher.ds.Dim
	if len(dst) < rows*dim {
		panic(errShortDst)
	}
	if l.ready != nil && l.rows == rows {
		<-l.ready
		l.ready = nil
		copy(dst, l.ahead)
		l.index = append(l.index[:0], l.batcher.index...)
	} else {
		l.Close()
		l.index = append(l.index[:0], l.batcher.Next(dst, rows)...)
	}
	l.position = l.batcher.Position()
	l.begin(rows)
	return l.index
}

// begin makes the next batch in the background.
func (l *Loader) begin(rows int) {
	if need := rows * l.batcher.ds.Dim; cap(l.ahead) < need {
		l.ahead = make([]float32, need)
	} else {
		l.ahead = l.ahead[:need]
	}
	ready := make(chan struct{})
	l.ready, l.rows = ready, rows
	go func() {
		defer close(ready)
		l.batcher.Next(l.ahead, rows)
	}()
}
