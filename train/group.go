package train

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
	"github.com/sinkcpu/sinkcpu/ranks"
)

// divide gives the objective its share of each batch.
func (o *Options) divide() error {
	if o.Comm.Size() == 1 {
		return nil
	}
	d, ok := o.Objective.(interface{ Divide(*ranks.Comm) error })
	if !ok {
		return &ConfigError{Flag: "--objective " + o.Config.Objective, Problem: "trains in one process; generators can be divided among ranks"}
	}
	if err := d.Divide(o.Comm); err != nil {
		return &ConfigError{Flag: fmt.Sprintf("--model %s on %d ranks", o.Config.Model, o.Comm.Size()), Problem: err.Error()}
	}
	return nil
}

// load prepares the training rows.
func (r *run) load(shard bool) error {
	const stream = "data"
	if !shard || r.comm.Size() == 1 {
		r.loader = data.NewLoader(r.src.Train, r.cfg.Seed, stream)
		return nil
	}
	if r.src.Train.N < r.comm.Size() {
		return &ConfigError{Flag: "--shard", Problem: fmt.Sprintf("%d training rows for %d ranks", r.src.Train.N, r.comm.Size())}
	}
	s := newShards(r.comm, r.src.Train, r.cfg.Seed, stream)
	if r.comm.Rank() > 0 { // the first measures on all of them
		r.src.Train, r.src.Test = s.own, nil
	}
	r.loader = s
	return nil
}

// lead sends the checkpoint that the run begins with to the other ranks, and waits until they have taken it.
func (r *run) lead() error {
	if r.comm.Size() == 1 {
		return nil
	}
	text, err := os.ReadFile(r.folder.tensors())
	if err := r.comm.Agree(err); err != nil {
		return err
	}
	if _, err := ranks.BroadcastBytes(r.comm, text, 0); err != nil {
		return err
	}
	if err := r.comm.Agree(nil); err != nil {
		return err
	}
	r.reporter.Note(fmt.Sprintf("on %d ranks; should one be lost, go on from the last checkpoint with --resume --out %s", r.comm.Size(), r.folder))
	return nil
}

// follow does the steps of a rank that writes nothing.
func (r *run) follow(ctx context.Context) error {
	defer r.loader.Close()
	r.reporter = silent{}
	if err := r.comm.Agree(nil); err != nil { // of the first rank, which opens the folder
		return err
	}
	if err := r.comm.Agree(nil); err != nil { // likewise, which reads the checkpoint
		return err
	}
	if err := r.comm.Agree(r.take()); err != nil {
		return err
	}
	whole := context.WithoutCancel(ctx)
	for r.step < r.cfg.Steps {
		over, err := r.over(ctx)
		if err != nil {
			return err
		}
		if over {
			return fmt.Errorf("%w after step %d of %d", ErrInterrupted, r.step, r.cfg.Steps)
		}
		if err := r.one(whole); err != nil {
			return err
		}
	}
	return nil
}

// take sets everything to the checkpoint of the first rank.
func (r *run) take() error {
	text, err := ranks.BroadcastBytes(r.comm, nil, 0)
	if err != nil {
		return err
	}
	file, err := safetensors.ReadFrom(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return err
	}
	l, err := checked("the first rank's checkpoint", file)
	if err != nil {
		return err
	}
	if err := l.fits(r.cfg, r.about); err != nil {
		return err
	}
	if err := l.restore(r.obj); err != nil {
		return err
	}
	r.step, r.saved, r.last = l.Step, l.Step, l.Metrics
	r.loader.Seek(l.Data.Position)
	return nil
}

// over reports whether the run is to end early, on any rank.
func (r *run) over(ctx context.Context) (bool, error) {
	if r.comm.Size() == 1 {
		return ctx.Err() != nil, nil
	}
	told := []float32{0}
	if ctx.Err() != nil {
		told[0] = 1
	}
	err := ranks.Max(r.comm, told)
	return told[0] > 0, err
}
