package main

import (
	"context"
	"fmt"
	"net"

	"github.com/sinkcpu/sinkcpu/report/page"
	"github.com/sinkcpu/sinkcpu/train"
)

// listen opens the address of --http.
func listen(at string) (net.Listener, error) {
	l, err := page.Listen(at)
	if err != nil {
		return nil, usagef("--http: %v", err)
	}
	return l, nil
}

// address returns what a person types to see the page.
func address(l net.Listener) string { return fmt.Sprintf("http://%s/", l.Addr()) }

// servePage serves a live page of runs until ctx ends.
func servePage(ctx context.Context, l net.Listener, runs ...string) error {
	s, err := page.NewServer(runs, new(latents).draw)
	if err != nil {
		l.Close()
		return err
	}
	return s.Serve(ctx, l)
}

// A pageReporter serves a live page of a run from its first step on, beside what another reporter shows.
type pageReporter struct {
	train.Reporter
	listener net.Listener
	stop     context.CancelFunc
	done     chan error
}

// Begin starts the page: the folder of the run is there now.
func (p *pageReporter) Begin(dir string, done, steps int) {
	p.Reporter.Begin(dir, done, steps)
	if p.stop != nil { // a run that goes on where its device has failed
		return
	}
	p.Reporter.Note("live page: " + address(p.listener))
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.done = stop, make(chan error, 1)
	go func() { p.done <- servePage(ctx, p.listener, dir) }()
}

// close ends the page. What it failed with is no fault of the run.
func (p *pageReporter) close() {
	if p.stop == nil {
		p.listener.Close()
		return
	}
	p.stop()
	if err := <-p.done; err != nil {
		p.Reporter.Note("live page: " + err.Error())
	}
}
