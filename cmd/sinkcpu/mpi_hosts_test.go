//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// agent stands for ssh: it runs a command in the network namespace that has the address.
const agent = `#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
host=$1; shift
exec ip netns exec %s-${host##*.} sh -c "$*"
`

// twoHosts makes two network namespaces joined by a cable, 10.77.0.1 and 10.77.0.2, and returns the prefix of their names.
func twoHosts(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	prefix := fmt.Sprintf("sinkcpu%d", os.Getpid())
	one, two := prefix+"-1", prefix+"-2"
	t.Cleanup(func() {
		exec.Command("ip", "netns", "del", one).Run()
		exec.Command("ip", "netns", "del", two).Run()
	})
	for _, line := range []string{
		"netns add " + one, "netns add " + two,
		"link add cable netns " + one + " type veth peer name cable netns " + two,
		"-n " + one + " addr add 10.77.0.1/24 dev cable", "-n " + two + " addr add 10.77.0.2/24 dev cable",
		"-n " + one + " link set lo up", "-n " + two + " link set lo up",
		"-n " + one + " link set cable up", "-n " + two + " link set cable up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Skipf("cannot make network namespaces: ip %s: %v %s", line, err, out)
		}
	}
	return prefix
}

// Two ranks on hosts with addresses of their own, which share no memory of the library's, have the value of one process.
func TestOTOnTwoHosts(t *testing.T) {
	mpiLaunchers(t, 2) // or skip
	prefix := twoHosts(t)
	dir := t.TempDir()
	ssh := filepath.Join(dir, "agent")
	if err := os.WriteFile(ssh, []byte(fmt.Sprintf(agent, prefix)), 0o777); err != nil {
		t.Fatal(err)
	}
	x, y := filepath.Join(dir, "x.csv"), filepath.Join(dir, "y.csv")
	writeCloud(t, x, 90, 3, .3)
	writeCloud(t, y, 70, 3, 1.1)
	args := []string{"ot", x, y, "--precision", "f64", "--tol", "1e-11", "--json"}
	var want, got struct{ Value float64 }
	_, out, _ := command(args...)
	if err := json.Unmarshal([]byte(out), &want); err != nil {
		t.Fatal(err)
	}
	const hosts = "10.77.0.1,10.77.0.2"
	for name, launcher := range map[string][]string{
		"mpirun.openmpi": {
			"--allow-run-as-root", "--mca", "plm_rsh_agent", ssh, "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "10.77.0.0/24",
			"--mca", "oob_tcp_if_include", "10.77.0.0/24", "-x", "SINKCPU_TEST_AS_COMMAND=1", "-n", "2", "--host", hosts,
		},
		"mpiexec.hydra": {
			"-launcher", "ssh", "-launcher-exec", ssh, "-iface", "cable", "-genv", "FI_PROVIDER", "tcp", "-genv", "SINKCPU_TEST_AS_COMMAND", "1",
			"-n", "2", "-ppn", "1", "-hosts", hosts,
		},
	} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		all := append([]string{"netns", "exec", prefix + "-1", path}, launcher...)
		cmd := exec.Command("ip", append(append(all, os.Args[0]), args...)...)
		cmd.Dir = dir
		timer := time.AfterFunc(90*time.Second, func() { cmd.Process.Kill() })
		out, err := cmd.Output()
		timer.Stop()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		if !(math.Abs(got.Value-want.Value) <= 1e-12) {
			t.Errorf("%s: value %.17g on two hosts, %.17g on one", name, got.Value, want.Value)
		}
	}
}
