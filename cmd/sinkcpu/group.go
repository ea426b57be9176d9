package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/train"
)

// addGroupFlag adds --mpi to a command that runs on several ranks.
func addGroupFlag(f *pflag.FlagSet, mpi *bool) {
	f.BoolVar(mpi, "mpi", false, "join the ranks of an MPI job, also where no launcher such as mpirun is noticed")
}

// A rankGroup is the ranks that run a command together, as one of them sees them. A single process has comm nil.
type rankGroup struct {
	comm  *ranks.Comm
	peers []ranks.Peer
	stop  func()                 // of the watch
	run   atomic.Pointer[string] // folder of the run whose checkpoint is named when a rank is lost
}

// joinGroup joins the job that this process was started in, if any. Ranks but the first say nothing from then on.
func joinGroup(cmd *cobra.Command, mpi bool) (*rankGroup, error) {
	name := ""
	if mpi {
		name = "mpi"
	}
	comm, err := ranks.Join(name)
	if err != nil {
		return nil, err
	}
	g := &rankGroup{comm: comm}
	if comm.Size() == 1 {
		return g, nil
	}
	if g.peers, err = ranks.Peers(comm); err != nil {
		return nil, err
	}
	stderr := cmd.ErrOrStderr()
	g.stop = ranks.Watch(g.peers, func(lost []ranks.Peer) { g.lost(stderr, lost) })
	if comm.Rank() > 0 {
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
	}
	return g, nil
}

// lost says which ranks have ended and ends this one: the others wait for them in vain. One of those that are left on a host speaks.
func (g *rankGroup) lost(stderr io.Writer, lost []ranks.Peer) {
	gone := map[int]bool{}
	for _, p := range lost {
		gone[p.Rank] = true
	}
	me := g.peers[g.comm.Rank()]
	for _, p := range g.peers {
		if p.Host == me.Host && !gone[p.Rank] {
			if p.Rank == me.Rank {
				text := "the job ends"
				if dir := g.run.Load(); dir != nil {
					if c, err := train.ReadCheckpoint(*dir); err == nil {
						text += fmt.Sprintf("; the last checkpoint is that of step %d: go on from it with --resume --out %s", c.Step, *dir)
					}
				}
				fmt.Fprintf(stderr, "sinkcpu: %s has ended before its work was done: %s\n", lost[0], text)
			}
			break
		}
	}
	os.Exit(exitFailed)
}

// leave ends the ranks together. An error that all of them have lets them end in order, and the first says it; any other ends them at once.
func (g *rankGroup) leave(cmd *cobra.Command, err error) error {
	if g.comm == nil {
		return err
	}
	if g.stop != nil {
		g.stop()
	}
	if err == nil {
		return g.comm.Close()
	}
	code := exitCode(err)
	var agreed *ranks.AgreedError
	var notFinite *train.NotFiniteError
	if errors.As(err, &agreed) || errors.As(err, &notFinite) || errors.Is(err, sinkhorn.ErrNotConverged) || code == exitInterrupted ||
		code == exitUsage { // the same on every rank
		if g.first() { // before any rank has ended: launchers end the others then
			printError(os.Stderr, cmd, err, code)
		}
		g.comm.Close()
		return &saidError{err}
	}
	printError(os.Stderr, cmd, fmt.Errorf("rank %d: %w", g.comm.Rank(), err), code)
	g.comm.Abort(code)
	os.Exit(code)
	return nil
}

// A saidError has been printed.
type saidError struct{ error }

func (e *saidError) Unwrap() error { return e.error }

// first reports whether this process speaks and writes for all.
func (g *rankGroup) first() bool { return g.comm.Rank() == 0 }

// shared returns on every rank what find returns on the first. An error is one on all of them.
func shared[T any](g *rankGroup, find func() (T, error)) (T, error) {
	var v T
	if g.comm.Size() == 1 {
		return find()
	}
	var text []byte
	var err error
	if g.first() {
		if v, err = find(); err == nil {
			text, err = json.Marshal(v)
		}
	}
	if err := g.comm.Agree(err); err != nil {
		return v, err
	}
	if text, err = ranks.BroadcastBytes(g.comm, text, 0); err != nil || g.first() {
		return v, err
	}
	return v, json.Unmarshal(text, &v)
}

// threads returns how many workers this rank has where none were asked for: its share of the processors that it may use with others.
func (g *rankGroup) threads(asked int, stderr io.Writer) (int, error) {
	if g.comm.Size() == 1 {
		return asked, nil
	}
	mine := g.peers[g.comm.Rank()].Host + " " + processors()
	all, counts, err := ranks.Gather(g.comm, []byte(mine))
	if err != nil {
		return 0, err
	}
	sharing := 0
	for _, n := range counts {
		if string(all[:n]) == mine {
			sharing++
		}
		all = all[n:]
	}
	cores := runtime.NumCPU()
	if asked == 0 {
		return max(1, cores/sharing), nil
	}
	if asked*sharing > cores {
		fmt.Fprintf(stderr, "sinkcpu: warning: %d ranks of %d threads share %d processors: give --threads %d\n", sharing, asked, cores, max(1, cores/sharing))
	}
	return asked, nil
}

// processors returns the processors that this process may use, as Linux lists them; "" elsewhere.
func processors() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return ""
	}
	_, list, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ = strings.Cut(list, "\n")
	return strings.TrimSpace(list)
}
