package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/train"
)

type trainOptions struct {
	config     train.Config // the flags, where they were given
	out        string
	configFile string
	preset     string
	list       bool
	resume     bool
	json       bool
	http       string
	mpi        bool
	shard      bool
}

func newTrainCommand() *cobra.Command {
	o := &trainOptions{config: train.DefaultConfig("")}
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a generative model",
		Long: `Train a generative model and keep everything about it in one folder: config.json, metrics.jsonl,
samples-NNNNNN.png, loss.png, checkpoint.safetensors with checkpoint.json, an event file for TensorBoard, summary.json,
report.html. --http shows the same while it goes on, as a live page.

Ctrl-C ends after the step in progress with a checkpoint; --resume goes on from it, bit for bit as if nothing had
happened, and also after a kill. The defaults of the settings depend on the data: those below are for images.
` + exitStatus,
		Example: `  sinkcpu train
  sinkcpu train --preset grid25
  sinkcpu train --data mnist:DIR --batch 200 --eps 1 --iters 10 --out runs/mnist
  sinkcpu train --resume --out runs/mnist --steps 20000
  sinkcpu train --objective classifier --data mnist:DIR
  sinkcpu train --objective wae-mmd --data mnist:DIR
  sinkcpu train --model dcgan --hidden 128,64 --device cuda`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f, c := cmd.Flags(), &o.config
	f.StringVar(&c.Objective, "objective", c.Objective, "what is minimised: sinkhorn, exact (transport, for small batches) or mmd; rot-gan, rot-gan-debiased (regularised transport, its gradient's error bounded); wgan, wgan-gp; the auto-encoders ae, vae, avb, wae-mmd, wae-w2, pot-gan, aae, sae, swae; or classifier, for a network of features from labelled images")
	f.StringVar(&c.Data, "data", c.Data, "glyphs, ring8, grid25, pair, moons, spiral, ellipse, mnist:DIR, cifar10:DIR, images:DIR, points:FILE or iris:FILE")
	f.StringVar(&o.out, "out", "", "folder of the run (default runs/NAME-SEED, or the next that is free)")
	f.IntVar(&c.Steps, "steps", c.Steps, "steps to train, counted from the start of the run")
	f.IntVar(&c.Batch, "batch", c.Batch, "rows a batch")
	f.StringVar(&c.Loss, "loss", c.Loss, "sinkhorn (2W-W-W), divergence (half of it), plain (W) or otgan (six problems)")
	f.StringVar(&c.Self, "self", c.Self, "self terms on the same batch or on two independent ones: same or independent, which learned costs of images need")
	f.StringVar(&c.Value, "value", c.Value, "of each problem: sharp <C,P>, or entropic")
	f.StringVar(&c.Cost, "cost", c.Cost, "sqeuclidean, halfsqeuclidean, euclidean, l1, cosine, dot or pow:P")
	f.Var((*epsFlag)(&c.Eps), "eps", "regularisation in units of the cost, or E*mean for E times the mean cost in the data")
	f.IntVar(&c.Iters, "iters", c.Iters, "Sinkhorn iterations a step")
	f.StringVar(&c.Gradient, "gradient", c.Gradient, "unrolled through exactly --iters iterations, or at convergence: envelope (of the entropic value) or implicit (of --value)")
	f.Float64Var(&c.Tol, "tol", c.Tol, "L1 error of the marginals to which envelope and implicit solve, in at most --iters iterations")
	f.Float64Var(&c.Reach, "reach", c.Reach, "rho of unbalanced problems, in units of the cost; 0 for exact marginals; needs --value entropic")
	f.StringVar(&c.Kernel, "kernel", c.Kernel, "of mmd: gaussian, imq or energy; of wae-mmd: gaussian or imq")
	f.Float64SliceVar(&c.Bandwidths, "bandwidths", c.Bandwidths, "`widths` of the kernels gaussian and imq")
	f.Lookup("bandwidths").DefValue = "[1,2,4,8,16]"
	f.StringVar(&c.Estimate, "estimate", c.Estimate, "of mmd: biased or unbiased")
	f.StringVar(&c.Optimizer, "optimizer", c.Optimizer, "adam, rmsprop or adam-wgan (without momentum, for a critic and its model)")
	f.Float64Var(&c.Rate, "lr", c.Rate, "learning rate")
	f.Float64Var(&c.HalfLife, "lr-half-life", c.HalfLife, "steps in which the learning rate halves; 0 for a constant rate")
	f.StringVar(&c.Model, "model", c.Model, "network, dcgan, ellipsoids, mixture (of Gaussians) or pair (theta and -theta); of a classifier classifier-28 or classifier-small-28")
	f.StringVar(&c.Prior, "prior", c.Prior, "of the network's latent points: uniform on the unit cube, normal, or uniform on the unit sphere: uniform, normal or sphere")
	f.IntVar(&c.Components, "components", c.Components, "ellipsoids, or Gaussians of the mixture")
	f.StringVar(&c.Activation, "activation", c.Activation, "of the hidden layers: relu, leaky_relu, softplus, tanh or sigmoid")
	f.StringVar(&c.Critic, "critic", c.Critic, "of a learned cost: mlp or dcgan; or the features of a classifier: digits (part of the program), or classifier-28, classifier-small-28 from --critic-file")
	f.IntSliceVar(&c.Features, "features", c.Features, "widths or channels of the critic's layers, for a learned cost between its outputs; none for a fixed cost")
	f.IntVar(&c.CriticSteps, "critic-steps", c.CriticSteps, "steps of the critic before each turn of the generator")
	f.IntVar(&c.GeneratorSteps, "generator-steps", c.GeneratorSteps, "steps of the generator a turn")
	f.StringVar(&c.Constraint, "constraint", c.Constraint, "on the critic: clip (its weights), penalty (on its gradient) or spectral (normalisation of its layers)")
	f.Float64Var(&c.Clip, "clip", c.Clip, "bound of the critic's weights under --constraint clip; 0 for none")
	f.Float64Var(&c.Penalty, "penalty", c.Penalty, "weight of the gradient penalty under --constraint penalty")
	f.Float64Var(&c.Reconstruction, "reconstruction", c.Reconstruction, "weight of a decoder's error in the critic's loss; 0 for no decoder")
	f.StringVar(&c.CriticFile, "critic-file", c.CriticFile, "safetensors file or run's checkpoint with the critic's weights, which then stay as they are")
	f.Float64Var(&c.CostMix, "cost-mix", c.CostMix, "weight of |x-y|^2 between rows, over its mean over the data, that is added to the cost between features; 0 for none")
	f.Float64Var(&c.CriticRate, "critic-lr", c.CriticRate, "learning rate of the critic")
	f.IntVar(&c.Latent, "latent", c.Latent, "dimension of the latent space; with 2, pictures show the latent square")
	f.IntSliceVar(&c.Hidden, "hidden", c.Hidden, "widths of the network's hidden layers, or channels of the dcgan's")
	f.Uint64Var(&c.Seed, "seed", c.Seed, "seed of all random numbers")
	f.IntVar(&c.Threads, "threads", c.Threads, "workers; 0 for one a processor; the result does not depend on it")
	addTrainDeviceFlag(f, c)
	f.IntVar(&c.LogEvery, "log-every", c.LogEvery, "steps between lines of metrics.jsonl")
	f.IntVar(&c.SampleEvery, "sample-every", c.SampleEvery, "steps between pictures; 0 for one at the end")
	f.IntVar(&c.SaveEvery, "save-every", c.SaveEvery, "steps between checkpoints")
	f.IntVar(&c.EvalEvery, "eval-every", c.EvalEvery, "steps between held-out measures; 0 to measure at the end, -1 never")
	addAutoEncoderFlags(f, c)
	addROTFlags(f, c)
	f.StringVar(&o.configFile, "config", "", "read settings from a config.json; flags override it")
	f.StringVar(&o.preset, "preset", "", "begin from the settings of that name; --config and flags override them")
	f.BoolVar(&o.list, "list-presets", false, "list the presets and end")
	f.BoolVar(&o.resume, "resume", false, "go on with the run in --out; of the settings only --steps, --threads and --device may change")
	f.BoolVar(&o.json, "json", false, "print the summary as one JSON object")
	f.StringVar(&o.http, "http", "", "serve a live page at PORT of this machine, or at HOST:PORT")
	addGroupFlag(f, &o.mpi)
	f.BoolVar(&o.shard, "shard", false, "on the ranks of an MPI job, let each but the first keep only its part of the training rows")
	return cmd
}

// settings copies each setting whose flag was given.
var settings = map[string]func(dst, flags *train.Config){
	"objective":       func(dst, flags *train.Config) { dst.Objective = flags.Objective },
	"data":            func(dst, flags *train.Config) { dst.Data = flags.Data },
	"steps":           func(dst, flags *train.Config) { dst.Steps = flags.Steps },
	"batch":           func(dst, flags *train.Config) { dst.Batch = flags.Batch },
	"eps":             func(dst, flags *train.Config) { dst.Eps = flags.Eps },
	"iters":           func(dst, flags *train.Config) { dst.Iters = flags.Iters },
	"lr":              func(dst, flags *train.Config) { dst.Rate = flags.Rate },
	"loss":            func(dst, flags *train.Config) { dst.Loss = flags.Loss },
	"self":            func(dst, flags *train.Config) { dst.Self = flags.Self },
	"value":           func(dst, flags *train.Config) { dst.Value = flags.Value },
	"cost":            func(dst, flags *train.Config) { dst.Cost = flags.Cost },
	"gradient":        func(dst, flags *train.Config) { dst.Gradient = flags.Gradient },
	"tol":             func(dst, flags *train.Config) { dst.Tol = flags.Tol },
	"reach":           func(dst, flags *train.Config) { dst.Reach = flags.Reach },
	"kernel":          func(dst, flags *train.Config) { dst.Kernel = flags.Kernel },
	"bandwidths":      func(dst, flags *train.Config) { dst.Bandwidths = flags.Bandwidths },
	"estimate":        func(dst, flags *train.Config) { dst.Estimate = flags.Estimate },
	"optimizer":       func(dst, flags *train.Config) { dst.Optimizer = flags.Optimizer },
	"model":           func(dst, flags *train.Config) { dst.Model = flags.Model },
	"components":      func(dst, flags *train.Config) { dst.Components = flags.Components },
	"prior":           func(dst, flags *train.Config) { dst.Prior = flags.Prior },
	"activation":      func(dst, flags *train.Config) { dst.Activation = flags.Activation },
	"critic":          func(dst, flags *train.Config) { dst.Critic = flags.Critic },
	"features":        func(dst, flags *train.Config) { dst.Features = flags.Features },
	"critic-steps":    func(dst, flags *train.Config) { dst.CriticSteps = flags.CriticSteps },
	"generator-steps": func(dst, flags *train.Config) { dst.GeneratorSteps = flags.GeneratorSteps },
	"clip":            func(dst, flags *train.Config) { dst.Clip = flags.Clip },
	"constraint":      func(dst, flags *train.Config) { dst.Constraint = flags.Constraint },
	"penalty":         func(dst, flags *train.Config) { dst.Penalty = flags.Penalty },
	"critic-file":     func(dst, flags *train.Config) { dst.CriticFile = flags.CriticFile },
	"reconstruction":  func(dst, flags *train.Config) { dst.Reconstruction = flags.Reconstruction },
	"cost-mix":        func(dst, flags *train.Config) { dst.CostMix = flags.CostMix },
	"critic-lr":       func(dst, flags *train.Config) { dst.CriticRate = flags.CriticRate },
	"lr-half-life":    func(dst, flags *train.Config) { dst.HalfLife = flags.HalfLife },
	"latent":          func(dst, flags *train.Config) { dst.Latent = flags.Latent },
	"hidden":          func(dst, flags *train.Config) { dst.Hidden = flags.Hidden },
	"seed":            func(dst, flags *train.Config) { dst.Seed = flags.Seed },
	"threads":         func(dst, flags *train.Config) { dst.Threads = flags.Threads },
	"device":          func(dst, flags *train.Config) { dst.Device = flags.Device },
	"log-every":       func(dst, flags *train.Config) { dst.LogEvery = flags.LogEvery },
	"sample-every":    func(dst, flags *train.Config) { dst.SampleEvery = flags.SampleEvery },
	"save-every":      func(dst, flags *train.Config) { dst.SaveEvery = flags.SaveEvery },
	"eval-every":      func(dst, flags *train.Config) { dst.EvalEvery = flags.EvalEvery },
}

func init() {
	maps.Copy(settings, rotSettings)
	maps.Copy(settings, autoEncoderSettings)
}

func (o *trainOptions) run(cmd *cobra.Command) error {
	if o.list {
		for _, p := range train.Presets() {
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%-17s %s\n", p.Name, p.About); err != nil {
				return err
			}
		}
		return nil
	}
	group, err := joinGroup(cmd, o.mpi)
	if err != nil {
		return err
	}
	return group.leave(cmd, o.train(cmd, group))
}

// train is run on the ranks of a group, or alone.
func (o *trainOptions) train(cmd *cobra.Command, group *rankGroup) error {
	c, err := shared(group, func() (train.Config, error) { return o.resolve(cmd) })
	if err != nil {
		return err
	}
	threads, err := group.threads(c.Threads, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	pool := parallel.New(threads)
	defer pool.Close()
	options, device, err := prepareTraining(c, group.comm.Size(), pool, cmd.ErrOrStderr())
	if err != nil && o.resume {
		return fmt.Errorf("%w; the checkpoint in %s is as it was", err, o.out)
	}
	if err != nil {
		return err
	}
	if device != nil {
		defer device.Close()
	}
	o.out, err = shared(group, func() (string, error) {
		if o.out != "" {
			return o.out, nil
		}
		return freeFolder(fmt.Sprintf("runs/%s-%d", options.Source.Name, c.Seed))
	})
	if err != nil {
		return err
	}
	group.run.Store(&o.out)
	options.Comm, options.Shard = group.comm, o.shard
	options.Dir, options.Resume, options.Version = o.out, o.resume, version()
	options.Distance = train.SinkhornDistance(pool)
	options.Reporter = newReporter(cmd.ErrOrStderr(), o.json)
	if o.http != "" && group.first() {
		l, err := listen(o.http)
		if err != nil {
			return err
		}
		p := &pageReporter{Reporter: options.Reporter, listener: l}
		defer p.close()
		options.Reporter = p
	}
	summary, err := runTraining(cmd.Context(), options)
	if err != nil || !group.first() {
		return err
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), summary)
	}
	_, err = io.WriteString(cmd.OutOrStdout(), summary.Text())
	return err
}

// resolve returns the config: defaults, then the preset, then the file, then the flags; or that of the run to resume.
func (o *trainOptions) resolve(cmd *cobra.Command) (train.Config, error) {
	if o.resume {
		return o.resolveResumed(cmd)
	}
	spec, objective := "", ""
	if o.configFile != "" {
		c, err := train.ReadConfig(o.configFile, train.DefaultConfig(""))
		if err != nil {
			return c, err
		}
		spec, objective = c.Data, c.Objective
	}
	if cmd.Flags().Changed("data") {
		spec = o.config.Data
	}
	if cmd.Flags().Changed("objective") {
		objective = o.config.Objective
	}
	c := train.DefaultConfigOf(objective, spec)
	if o.preset != "" {
		var err error
		if c, err = train.PresetConfig(o.preset, spec); err != nil {
			return c, err
		}
	}
	if o.configFile != "" {
		var err error
		if c, err = train.ReadConfig(o.configFile, c); err != nil {
			return c, err
		}
	}
	for name, set := range settings {
		if cmd.Flags().Changed(name) {
			set(&c, &o.config)
		}
	}
	if err := checkTraining(c); err != nil {
		return c, err
	}
	return c, flagsWithoutEffect(cmd, c.Objective)
}

// flagsWithoutEffect refuses a flag that the objective does not read.
func flagsWithoutEffect(cmd *cobra.Command, objective string) error {
	defaults := train.DefaultConfigOf(objective, "")
	for _, group := range []struct {
		settings map[string]func(dst, flags *train.Config)
		read     bool
		by       string
	}{
		{rotSettings, defaults.Oracle != "", "rot-gan and rot-gan-debiased"},
		{autoEncoderSettings, defaults.Encoder != "", "auto-encoders, such as wae-mmd"},
	} {
		for _, name := range slices.Sorted(maps.Keys(group.settings)) {
			if f := cmd.Flags().Lookup(name); f.Changed && !group.read {
				return usagef("--%s %v is for %s; --objective %s does not read it", name, f.Value, group.by, objective)
			}
		}
	}
	return nil
}

// resumable are the settings that may change on --resume.
var resumable = []string{"steps", "threads", "device"}

func (o *trainOptions) resolveResumed(cmd *cobra.Command) (train.Config, error) {
	if o.out == "" {
		return train.Config{}, usagef("--resume needs --out with the folder of the run to go on with")
	}
	for name := range settings {
		if !slices.Contains(resumable, name) && cmd.Flags().Changed(name) {
			return train.Config{}, usagef("--%s cannot change on --resume: config.json holds the settings; only --steps, --threads and --device may", name)
		}
	}
	if o.preset != "" {
		return train.Config{}, usagef("--preset cannot be given with --resume: the run has its own config.json")
	}
	if o.configFile != "" {
		return train.Config{}, usagef("--config cannot be given with --resume: the run has its own config.json")
	}
	c, err := train.LoadConfig(o.out)
	if err != nil {
		return c, err
	}
	for _, name := range resumable {
		if cmd.Flags().Changed(name) {
			settings[name](&c, &o.config)
		}
	}
	return c, checkTraining(c)
}

// epsFlag is the value of --eps.
type epsFlag train.Eps

func (e *epsFlag) String() string { return train.Eps(*e).String() }
func (e *epsFlag) Type() string   { return "E|E*mean" }
func (e *epsFlag) Set(s string) error {
	v, err := train.ParseEps(s)
	*e = epsFlag(v)
	return err
}

// freeFolder returns base where nothing or an empty folder is there, else the first of base-2, base-3, ... of which that holds.
func freeFolder(base string) (string, error) {
	dir := base
	for k := 2; ; k++ {
		empty, err := atomicfile.EmptyFolder(dir)
		if err != nil && !errors.Is(err, atomicfile.ErrNotFolder) {
			return "", err
		}
		if err == nil && empty {
			return dir, nil
		}
		dir = fmt.Sprintf("%s-%d", base, k)
	}
}
