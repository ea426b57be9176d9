package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// otOptions are the flags of ot.
type otOptions struct {
	cost                       string
	costMatrix, costXX, costYY string
	columns                    string
	batch                      string
	weightsX, weightsY         string
	normalize                  bool

	eps        otEps
	reach      otReach
	reg        string
	tol        float64
	maxIter    int
	debias     bool
	richardson bool
	precision  string
	device     string
	memory     float64 // GiB
	threads    int
	init       string

	json                                            bool
	potentials, plan, gradient, barycentric, assign string
	pairs, pairsMode                                string
	pairsCount                                      int
	seed                                            uint64
	plot                                            string
	test                                            string
	reps                                            int

	mpi   bool
	group *rankGroup

	on devices.Device // that was opened, nil for the processor

	redrawn func(done, reps int) // shows how far --test is
}

// In GiB. They do not look at the machine, so that a command does on one machine what it does on another.
const (
	defaultMemory = logsumexp.DefaultMaxBytes / (1 << 30)
	mostMemory    = 1 << 20
)

// maxBytes returns --memory in bytes.
func (o *otOptions) maxBytes() int { return int(o.memory * (1 << 30)) }

// otCosts names the costs between points.
func otCosts() string { return strings.Join(logsumexp.GroundNames, ", ") }

const (
	precision32 = "f32"
	precision64 = "f64"
	regKL       = "kl"
	regL2       = "l2"
	regNone     = "none"
	pairsTop    = "top"
	pairsSample = "sample"
)

// defaultPartners is how many partners of a point --pairs writes.
const defaultPartners = 10

func newOTCommand() *cobra.Command {
	o := &otOptions{cost: logsumexp.SqEuclidean.String(), eps: otEps{.05, meanCost}, maxIter: 10000, reg: regKL, precision: precision32, memory: defaultMemory, pairsMode: pairsTop, seed: 1}
	cmd := &cobra.Command{
		Use:   "ot X Y | ot --cost-matrix C | ot --batch FILE",
		Short: "Transport one weighted cloud of points onto another",
		Long: `Solve entropic optimal transport between two clouds of points, or for a matrix of costs C:

  OT_eps = min <P,C> + eps KL(P | a b^T)     over plans P with row sums a and column sums b

The value printed is a lower bound of OT_eps up to rounding, and comes with an upper bound. With --debias it is also that of
the divergence OT_xy - OT_xx/2 - OT_yy/2, which is 0 for equal clouds. With --reach or --tv mass may stay behind or be made,
at a price; with --mass only so much of it moves.

X and Y hold a point a row, as CSV or .npy, plain or gzip; - is the standard input. C is n x m; +Inf forbids a pair.
` + exitStatus,
		Example: `  sinkcpu ot x.csv y.csv
  sinkcpu ot x.npy y.npy --eps 0.01*mean --precision f64 --tol 1e-9 --debias --json
  sinkcpu ot --cost-matrix c.npy --weights-x a.csv --weights-y b.csv --eps 0.1 --plan plan.npy
  sinkcpu ot x.csv y.csv --weights-x a.csv --weights-y b.csv --reach 0.5
  sinkcpu ot x.csv y.csv --mass 0.8
  sinkcpu ot x.csv y.csv --reg none --assign pairs.csv
  sinkcpu ot before.csv after.csv --test permutation --reps 199
  sinkcpu ot people.csv jobs.csv --columns age,skill --assign pairs.csv`,
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.cost, "cost", o.cost, "cost between points: "+otCosts()+" (the P-th power of the distance)")
	f.StringVar(&o.costMatrix, "cost-matrix", "", "read the costs, n x m, from a file in place of X and Y")
	f.StringVar(&o.costXX, "cost-xx", "", "with --cost-matrix and --debias: costs among the rows, n x n, symmetric")
	f.StringVar(&o.costYY, "cost-yy", "", "with --cost-matrix and --debias: costs among the columns, m x m, symmetric")
	f.StringVar(&o.batch, "batch", "", "solve many pairs: a CSV with the files of a pair, X,Y, a line; prints one JSON object a line")
	f.StringVar(&o.columns, "columns", "", "columns of X and Y to use: numbers from 1 such as 1-4, or names of a CSV header")
	f.StringVar(&o.weightsX, "weights-x", "", "weights of X, one column (default uniform, of sum 1)")
	f.StringVar(&o.weightsY, "weights-y", "", "weights of Y, one column (default uniform, of sum 1)")
	f.BoolVar(&o.normalize, "normalize", false, "divide the weights of each side by their sum")
	f.Var(&o.eps, "eps", "regularisation in units of the cost, a multiple of the mean or standard deviation of all costs, or such that the plan has an entropy of H nats")
	f.Float64Var(&o.tol, "tol", 0, "L1 error of the plan's row and column sums to stop at (default 1e-4 in f32, 1e-6 in f64)")
	f.IntVar(&o.maxIter, "max-iter", o.maxIter, "iterations at most, a problem")
	f.Float64Var(&o.reach.both, "reach", 0, "let the row and column sums leave the weights, at RHO KL(sums | weights) a side; weights are used as given")
	f.Float64Var(&o.reach.x, "reach-x", 0, "the same for the side of X alone")
	f.Float64Var(&o.reach.y, "reach-y", 0, "the same for the side of Y alone")
	f.Float64Var(&o.reach.tv, "tv", 0, "let the row and column sums leave the weights, at RHO times the mass that differs")
	f.Float64Var(&o.reach.mass, "mass", 0, "move only M of the mass, the cheapest; weights are used as given")
	f.StringVar(&o.reg, "reg", o.reg, "kl, or l2 for eps/2 sum P_ij^2/(a_i b_j), whose plan is sparse, or none for transport as it is; these two in f64, with n x m numbers in memory")
	f.BoolVar(&o.debias, "debias", false, "also solve X against X and Y against Y, for the divergence")
	f.BoolVar(&o.richardson, "richardson", false, "also solve at eps/2, and extrapolate cost and divergence to eps = 0; implies --debias")
	f.StringVar(&o.precision, "precision", o.precision, "f32 or f64; results are evaluated in f64 either way")
	addDeviceFlag(cmd, &o.device, deviceAuto, "from 8192 x 8192 pairs on, in f32, where there is one; should it fail the processor does it all")
	f.Float64Var(&o.memory, "memory", o.memory, "GiB that the costs between points may take, beyond which they are computed in every iteration; and the solver beside them, and a plan")
	f.IntVar(&o.threads, "threads", 0, "workers; 0 for one a processor; the result does not depend on it")
	f.StringVar(&o.init, "init", "", "start from the potentials in a .npz that --potentials wrote")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.StringVar(&o.potentials, "potentials", "", "write the potentials f and g to a .npz")
	f.StringVar(&o.plan, "plan", "", "write the plan, n x m, to a .npy")
	f.StringVar(&o.gradient, "grad", "", "write the gradient of the value (with --debias, of the divergence) with respect to X, n x d, to a .npy; with --cost-matrix, with respect to C")
	f.StringVar(&o.barycentric, "map", "", "write the mean partner of each point of X, n x d, to a .npy")
	f.StringVar(&o.assign, "assign", "", "write the likeliest partner of each point of X to a CSV: i,j,p, from 0")
	f.StringVar(&o.pairs, "pairs", "", "write pairs of the plan to a CSV: i,j,p, from 0, p the plan's entry")
	f.StringVar(&o.pairsMode, "pairs-mode", o.pairsMode, "top: the largest partners of each point of X; sample: pairs drawn from the plan")
	f.IntVar(&o.pairsCount, "pairs-count", 0, fmt.Sprintf("top: partners of a point, default %d; sample: draws, default one a point of X", defaultPartners))
	f.StringVar(&o.test, "test", "", "permutation: also tell the probability of such a divergence between samples of one law; bootstrap: an interval for that of the laws")
	f.IntVar(&o.reps, "reps", defaultReps, "relabellings and redrawings of --test")
	f.Uint64Var(&o.seed, "seed", o.seed, "seed of --pairs-mode sample and --test")
	f.StringVar(&o.plot, "plot", "", "draw points of one or two dimensions and the strongest pairs to a .png")
	addGroupFlag(f, &o.mpi)
	return cmd
}

func (o *otOptions) run(cmd *cobra.Command, args []string) error {
	if err := o.check(cmd, args); err != nil {
		return err
	}
	group, err := joinGroup(cmd, o.mpi)
	if err != nil {
		return err
	}
	o.group = group
	return group.leave(cmd, o.runOn(cmd, args))
}

// runOn is run on the ranks of a group, or alone.
func (o *otOptions) runOn(cmd *cobra.Command, args []string) error {
	if o.group.comm.Size() > 1 {
		if err := o.checkRanks(cmd); err != nil {
			return o.group.comm.Agree(err)
		}
	}
	threads, err := o.group.threads(o.threads, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	pool := parallel.New(threads)
	defer pool.Close()
	if o.batch != "" {
		return o.runBatch(cmd.Context(), stoppable{cmd.Context(), cmd.InOrStdin()}, cmd.OutOrStdout(), pool)
	}
	in, eps, err := o.spread(func() (*otInput, float64, error) {
		in, err := o.read(stoppable{cmd.Context(), cmd.InOrStdin()}, args)
		if err != nil {
			return nil, 0, err
		}
		eps, err := o.temperature(pool, in)
		return in, eps, err
	})
	if err != nil {
		return err
	}
	if o.on, err = openDevice(o.device, o.suitsDevice(in), cmd.ErrOrStderr()); err != nil {
		return err
	}
	if o.on != nil {
		defer o.on.Close()
	}
	progress := newOTProgress(cmd.ErrOrStderr())
	o.redrawn = progress.redrawn
	answer, report, notConverged := o.answer(cmd.Context(), in, eps, pool, progress.callback())
	progress.end()
	if answer == nil && errors.Is(notConverged, errors.ErrUnsupported) {
		return usagef("--device %s cannot solve this: %v; use --device cpu", o.device, notConverged)
	}
	if answer == nil {
		return notConverged
	}
	if !o.group.first() {
		return errors.Join(o.writeElsewhere(answer, report), notConverged)
	}
	for _, fault := range report.faults {
		fmt.Fprintf(cmd.ErrOrStderr(), "sinkcpu: note: the device failed, and the processor went on in its place: %s\n", plainError(fault))
	}
	if report.Note != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "sinkcpu: note: %s\n", report.Note)
	}
	failed := o.write(answer, report, notConverged)
	if err := o.print(cmd.OutOrStdout(), report); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return notConverged
}

// linearGCPercent is GOGC while costs are computed, when what is in use is small beside what a heap of twice that would take.
const linearGCPercent = 25

// answer solves and evaluates. The answer is nil for bad data; with an error of [sinkhorn.ErrNotConverged] it is there.
func (o *otOptions) answer(ctx context.Context, in *otInput, eps float64, pool *parallel.Pool, progress func(int, float64)) (otAnswer, *otReport, error) {
	solve := solveOT[float32]
	if o.precision == precision64 {
		solve = solveOT[float64]
	}
	switch o.reg {
	case regL2:
		solve = solveL2
	case regNone:
		solve = solveExact
	}
	if in.costEntries(o.debias)*4 > float64(o.maxBytes()) {
		// Costs that are computed leave large pieces without pointers, next to nothing for the collector to mark, so that it may as well come
		// often: by default it lets the heap grow to twice what is in use.
		defer debug.SetGCPercent(debug.SetGCPercent(linearGCPercent))
	}
	begin, before := time.Now(), o.group.comm.Traffic()
	answer, notConverged := solve(ctx, o, in, eps, pool, progress)
	if answer == nil {
		return nil, nil, notConverged
	}
	report := answer.report()
	report.Seconds = time.Since(begin).Seconds()
	var failed error
	if report.Ranks, failed = o.group.cost(o.group.comm.Traffic().Minus(before)); failed != nil {
		return nil, nil, failed
	}
	return answer, report, notConverged
}

func (o *otOptions) print(w io.Writer, r *otReport) error {
	if o.json {
		return printJSON(w, r)
	}
	_, err := io.WriteString(w, r.text())
	return err
}

// check refuses flags and arguments that cannot be, before anything is read.
func (o *otOptions) check(cmd *cobra.Command, args []string) error {
	given := cmd.Flags().Changed
	switch {
	case o.costMatrix == "" && o.batch == "" && len(args) != 2:
		return usagef("%s needs two files of points, --cost-matrix or --batch; %d given", cmd.CommandPath(), len(args))
	case o.precision != precision32 && o.precision != precision64:
		return usagef("--precision %s: want %s or %s", o.precision, precision32, precision64)
	case given("tol") && !(o.tol > 0 && o.tol <= 2):
		return usagef("--tol %g: want a number over 0, at most 2", o.tol)
	case o.maxIter < 1:
		return usagef("--max-iter %d: want at least 1", o.maxIter)
	case o.pairsMode != pairsTop && o.pairsMode != pairsSample:
		return usagef("--pairs-mode %s: want %s or %s", o.pairsMode, pairsTop, pairsSample)
	case given("pairs-count") && o.pairsCount < 1:
		return usagef("--pairs-count %d: want at least 1", o.pairsCount)
	case o.pairs == "" && (given("pairs-mode") || given("pairs-count")):
		return usagef("--pairs-mode and --pairs-count go with --pairs FILE")
	case !(o.memory > 0 && o.memory <= mostMemory):
		return usagef("--memory %g: want a number of GiB over 0, at most %g", o.memory, float64(mostMemory))
	case o.threads < 0:
		return usagef("--threads %d: want a number of workers, or 0 for one a processor", o.threads)
	}
	if err := o.checkDevice(cmd); err != nil {
		return err
	}
	if _, err := logsumexp.ParseGround(o.cost); err != nil {
		return usagef("--cost %s is unknown; known are %s with a number P > 0, or give the costs by --cost-matrix", o.cost, otCosts())
	}
	if err := o.checkTest(cmd); err != nil {
		return err
	}
	if err := o.checkRichardson(); err != nil {
		return err
	}
	if err := o.reach.check(given, o.debias); err != nil {
		return err
	}
	if err := o.checkReg(given); err != nil {
		return err
	}
	if o.batch != "" {
		return o.checkBatch(cmd, args)
	}
	if err := o.checkMatrixFlags(cmd, args); err != nil {
		return err
	}
	return o.checkFiles(args)
}

// checkDevice refuses a device for what none does.
func (o *otOptions) checkDevice(cmd *cobra.Command) error {
	if err := checkDevice(o.device); err != nil || !namesDevice(o.device) {
		return err
	}
	switch {
	case o.precision != precision32:
		return usagef("--device %s computes in f32; --precision %s needs --device cpu", o.device, o.precision)
	case o.reg != regKL:
		return usagef("--device %s does not go with --reg %s, which needs --device cpu", o.device, o.reg)
	case o.batch != "":
		return usagef("--device %s is for one pair of files; --batch needs --device cpu", o.device)
	}
	return nil
}

// suitsDevice reports whether a device could solve the problem and is likely to be faster than the processor, by its size alone.
func (o *otOptions) suitsDevice(in *otInput) bool {
	return o.precision == precision32 && o.reg == regKL && o.group.comm.Size() == 1 && in.n*in.m >= deviceEntries
}

// checkMatrixFlags holds the flags of points against those of matrices.
func (o *otOptions) checkMatrixFlags(cmd *cobra.Command, args []string) error {
	if o.costMatrix == "" {
		if o.costXX != "" || o.costYY != "" {
			return usagef("--cost-xx and --cost-yy go with --cost-matrix; between points the costs are computed")
		}
		return nil
	}
	if len(args) > 0 {
		return usagef("--cost-matrix takes the place of the points, but %q is given too", args[0])
	}
	for _, name := range []string{"cost", "columns", "map", "plot"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s goes with points, not with --cost-matrix", name)
		}
	}
	if both := o.costXX != "" && o.costYY != ""; o.debias != both || o.debias != (o.costXX != "" || o.costYY != "") {
		return usagef("with --cost-matrix, --debias goes with both --cost-xx and --cost-yy")
	}
	return nil
}

// An otAnswer is what a solve found, whatever the precision.
type otAnswer interface {
	report() *otReport
	files(o *otOptions) []otFile
}
