//go:build unix

package ranks_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/ranks"
)

func TestPeersNameEachRank(t *testing.T) {
	on(t, 3, func(c *ranks.Comm) error {
		peers, err := ranks.Peers(c)
		if err != nil {
			return err
		}
		if len(peers) != 3 || peers[2].Rank != 2 || peers[1].PID != os.Getpid() || peers[0].Host == "" {
			return fmt.Errorf("peers %v", peers)
		}
		if lost := ranks.Lost(peers); lost != nil {
			return fmt.Errorf("%v lost, of one process that runs", lost)
		}
		return nil
	})
}

// A process that was killed and that nobody waits for, as under a launcher that has not looked yet, is seen as gone.
func TestWatchSeesAPeerEnd(t *testing.T) {
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Skip("needs the program sleep: ", err)
	}
	defer sleeper.Wait()
	host, err := os.Hostname()
	if err != nil {
		t.Skip(err)
	}
	peers := []ranks.Peer{{Rank: 0, Host: host, PID: os.Getpid()}, {Rank: 1, Host: host, PID: sleeper.Process.Pid}}
	gone := make(chan []ranks.Peer, 1)
	stop := ranks.Watch(peers, func(lost []ranks.Peer) { gone <- lost })
	defer stop()
	select {
	case lost := <-gone:
		t.Fatalf("%v gone while it runs", lost)
	case <-time.After(500 * time.Millisecond):
	}
	sleeper.Process.Kill()
	select {
	case lost := <-gone:
		if len(lost) != 1 || lost[0].Rank != 1 {
			t.Fatalf("%v gone, want rank 1", lost)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("not seen within 5 s")
	}
}
