package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/train"
)

func addTrainDeviceFlag(f *pflag.FlagSet, c *train.Config) {
	f.StringVar(&c.Device, "device", c.Device, "where the networks, their optimiser and the comparison of clouds compute: cpu, cuda or cuda:N for a device that sinkcpu info lists, or auto for one where there is one that can; noise, batches and measures stay on the processor")
}

// checkTraining refuses a config that no run can have.
func checkTraining(c train.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	return checkDevice(c.Device)
}

// prepareTraining returns the parts of a run, and the device on which its networks are, nil for the processor: also where auto finds none, or one
// that has nothing for the objective or fails at once.
func prepareTraining(c train.Config, ranks int, pool *parallel.Pool, w io.Writer) (train.Options, devices.Device, error) {
	value := c.Device
	if ranks > 1 && namesDevice(value) {
		return train.Options{}, nil, usagef("--device %s needs one process; more than one rank divides each batch among them", value)
	}
	d, err := openDevice(value, ranks == 1, w)
	if err != nil {
		return train.Options{}, nil, err
	}
	if d == nil {
		options, err := train.Prepare(c, pool)
		return options, nil, err
	}
	options, err := train.PrepareOn(d.Ops(), c, pool)
	fault := faultOf(d, err)
	if err == nil && fault == nil {
		options.Device = d.Name()
		return options, d, nil
	}
	_ = d.Close()
	switch unsupported := errors.Is(err, errors.ErrUnsupported); {
	case fault == nil && !unsupported: // the fault of the data or the config, wherever it computes
		return options, nil, err
	case unsupported && namesDevice(value):
		return options, nil, usagef("--device %s: the objective %s computes on the processor alone with this model and cost; on a device train classifier, an auto-encoder, or sinkhorn, exact, mmd, wgan or wgan-gp "+
			"with --model network or dcgan; else use --device cpu", value, c.Objective)
	case namesDevice(value):
		return options, nil, fmt.Errorf("--device %s: %w; --device cpu computes without it", value, fault)
	case fault != nil:
		fmt.Fprintf(w, "sinkcpu: note: %s is not used, and the processor is: %s\n", d.Name(), plainError(fault))
	}
	options, err = train.Prepare(c, pool)
	return options, nil, err
}

// faultOf returns why a device has failed that may have made err, nil where it has not.
func faultOf(d devices.Device, err error) error {
	var fault *nn.Fault
	if errors.As(err, &fault) {
		return fault
	}
	return d.Err()
}

// runTraining is [train.Run], which goes on on the processor, from the last checkpoint, where a device that auto chose fails.
func runTraining(ctx context.Context, o train.Options) (*train.Summary, error) {
	summary, err := train.Run(ctx, o)
	var fault *nn.Fault
	if !errors.As(err, &fault) {
		return summary, err
	}
	if namesDevice(o.Config.Device) {
		return nil, fmt.Errorf("%w; with --device cpu on the processor", err)
	}
	o.Reporter.Note("the device failed, and the processor goes on from the last checkpoint: " + plainError(fault))
	again, err := train.Prepare(o.Config, o.Runner)
	if err != nil {
		return nil, err
	}
	o.Objective, o.Source, o.Device, o.Resume = again.Objective, again.Source, "", true
	return train.Run(ctx, o)
}
