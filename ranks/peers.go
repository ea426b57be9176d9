package ranks

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A Peer is a rank as a process on a host.
type Peer struct {
	Rank int
	Host string
	PID  int
}

// String names the peer as messages do.
func (p Peer) String() string {
	return fmt.Sprintf("rank %d (process %d on %s)", p.Rank, p.PID, p.Host)
}

// Peers returns all ranks, this one among them, in order.
func Peers(c *Comm) ([]Peer, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	all, counts, err := Gather(c, []byte(fmt.Sprintf("%d %s", os.Getpid(), host)))
	if err != nil {
		return nil, err
	}
	peers := make([]Peer, len(counts))
	for r, n := range counts {
		peers[r].Rank = r
		if _, err := fmt.Sscan(string(all[:n]), &peers[r].PID, &peers[r].Host); err != nil {
			return nil, fmt.Errorf("ranks: rank %d calls itself %q: %w", r, all[:n], err)
		}
		all = all[n:]
	}
	return peers, nil
}

// Hosts returns the names of the hosts of peers, each once, sorted, with commas between.
func Hosts(peers []Peer) string {
	var names []string
	for _, p := range peers {
		names = append(names, p.Host)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// watchEvery is how often peers are looked at.
const watchEvery = 200 * time.Millisecond

// Lost returns the peers of this host that have ended. Those of other hosts cannot be seen.
func Lost(peers []Peer) []Peer {
	host, _ := os.Hostname()
	var lost []Peer
	for _, p := range peers {
		if p.Host == host && p.PID != os.Getpid() && !alive(p.PID) {
			lost = append(lost, p)
		}
	}
	return lost
}

// Watch calls gone, once, when peers on this host have ended, until stop is called. A collective call with a peer that has ended may wait
// for ever: gone should end this process.
func Watch(peers []Peer, gone func([]Peer)) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if lost := Lost(peers); len(lost) > 0 {
				select {
				case <-done:
				default:
					gone(lost)
				}
				return
			}
		}
	}()
	return func() { close(done) }
}
