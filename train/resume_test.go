package train

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

func sortStrings(s []string) { slices.Sort(s) }

// resumed finishes the run in dir as a new process would.
func resumed(t testing.TB, dir string, c Config) *Summary {
	t.Helper()
	have, err := LoadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	have.Steps = c.Steps
	o := testOptions(t, dir, have)
	o.Resume = true
	return mustRun(t, o)
}

func TestInterruptedAndResumedIsBitForBit(t *testing.T) {
	c := testConfig()
	whole := newDir(t)
	mustRun(t, testOptions(t, whole, c))
	want := outcome(t, whole)

	trials := 4
	if testing.Short() {
		trials = 1
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range trials {
		dir := newDir(t)
		resume := false
		for at := 0; ; {
			at += 1 + rng.IntN(30)
			ctx, cancel := context.WithCancel(context.Background())
			o := testOptions(t, dir, c)
			o.Resume = resume
			o.Reporter = hook{step: func(step int) {
				if step == at {
					cancel()
				}
			}}
			_, err := Run(ctx, o)
			cancel()
			if err == nil {
				break
			}
			if !errors.Is(err, ErrInterrupted) {
				t.Fatalf("trial %d, interrupted at %d: %v", trial, at, err)
			}
			resume = true
		}
		sameOutcome(t, want, outcome(t, dir))
	}
}

func TestKilledAndResumedIsBitForBit(t *testing.T) {
	c := testConfig()
	whole := newDir(t)
	copies := t.TempDir()
	o := testOptions(t, whole, c)
	o.Reporter = hook{step: func(step int) { copyFolder(t, filepath.Join(copies, fmt.Sprint(step)), whole) }}
	mustRun(t, o)
	want := outcome(t, whole)
	stride := 2
	if testing.Short() {
		stride = 13
	}
	for step := 1; step <= c.Steps; step += stride {
		dir := filepath.Join(copies, fmt.Sprint(step))
		if step%3 == 0 { // in the middle of a line, a record, a picture
			tear(t, folder(dir).metrics(), `{"step":59,"lo`)
			tear(t, folder(dir).events(), "\x07\x00\x00\x00\x00\x00\x00\x00ab")
			writeFile(t, folder(dir).path(".checkpoint.safetensors.tmp-XYZ"), "torn")
			writeFile(t, folder(dir).path(".samples-000060.png.tmp-XYZ"), "torn")
		}
		resumed(t, dir, c)
		sameOutcome(t, want, outcome(t, dir))
		if t.Failed() {
			t.Fatalf("killed after step %d", step)
		}
	}
	dir := newDir(t) // after the last byte
	copyFolder(t, dir, whole)
	resumed(t, dir, c)
	sameOutcome(t, want, outcome(t, dir))
}

func tear(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func TestKilledBetweenTheTwoFilesOfACheckpoint(t *testing.T) {
	c := testConfig()
	dir := newDir(t)
	mustRun(t, testOptions(t, dir, c))
	want := outcome(t, dir)
	for _, text := range []string{"", "{}", `{"schema":1,"step":3}`} {
		writeFile(t, folder(dir).document(), text)
		resumed(t, dir, c)
		sameOutcome(t, want, outcome(t, dir))
	}
	if err := os.Remove(folder(dir).document()); err != nil {
		t.Fatal(err)
	}
	resumed(t, dir, c)
	sameOutcome(t, want, outcome(t, dir))
}

func TestKilledBeforeTheFirstCheckpoint(t *testing.T) {
	c := testConfig()
	whole := newDir(t)
	mustRun(t, testOptions(t, whole, c))
	for _, left := range []string{"config.json", "metrics.jsonl", "events.out.tfevents.0000000000.sinkcpu"} {
		dir := newDir(t)
		if err := folder(dir).create(c); err != nil {
			t.Fatal(err)
		}
		if left != "config.json" {
			writeFile(t, filepath.Join(dir, left), "torn")
		}
		resumed(t, dir, c)
		sameOutcome(t, outcome(t, whole), outcome(t, dir))
	}
}

func TestExtendedIsBitForBit(t *testing.T) {
	long := testConfig()
	whole := newDir(t)
	mustRun(t, testOptions(t, whole, long))
	want := outcome(t, whole)
	ends := []int{1, 20, 33, 50, 59}
	if testing.Short() {
		ends = ends[2:3]
	}
	for _, steps := range ends {
		short := long
		short.Steps = steps
		dir := newDir(t)
		mustRun(t, testOptions(t, dir, short))
		resumed(t, dir, long)
		got := outcome(t, dir)
		if steps%long.SampleEvery != 0 {
			delete(got, filepath.Base(folder(dir).samples(steps))) // the end of the short run
		}
		sameOutcome(t, want, got)
	}
}

func TestWorkersDoNotChangeTheBits(t *testing.T) {
	c := testConfig()
	c.Batch = 1000
	var want map[string]string
	for _, workers := range []int{1, 2, 5} {
		pool := parallel.New(workers)
		defer pool.Close()
		dir := newDir(t)
		o := testOptions(t, dir, c)
		o.Runner, o.Objective = pool, newMean(t, c, 2, pool)
		mustRun(t, o)
		got := outcome(t, dir)
		if want == nil {
			want = got
		}
		sameOutcome(t, want, got)
	}
}

func TestAForeignCheckpointIsRefused(t *testing.T) {
	c := testConfig()
	made := newDir(t)
	mustRun(t, testOptions(t, made, c))
	before := outcome(t, made)

	other := c
	other.Batch = 34
	fewer := testSource()
	fewer.Train = fewer.Train.Subset([]int{1, 2, 3})
	for name, change := range map[string]func(o *Options){
		"batch is 33 there and 34 here": func(o *Options) { o.Config = other },
		"trained on other data":         func(o *Options) { o.Source = fewer },
		`tensor "model.mean" has shape [2]`: func(o *Options) {
			o.Objective = newMean(t, c, 3, nil)
		},
		`holds the group "model" where the objective has "other"`: func(o *Options) {
			o.Objective.(*meanObjective).group.Name = "other"
		},
		`lacks the tensor "model.centre"`: func(o *Options) { o.Objective.(*meanObjective).mean.Name = "centre" },
	} {
		o := testOptions(t, made, c)
		o.Resume = true
		change(&o)
		_, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "checkpoint.safetensors") {
			t.Errorf("want an error with %q and the file, got %v", name, err)
		}
	}
	sameOutcome(t, before, outcome(t, made))

	o := testOptions(t, made, c)
	o.Resume = true
	o.Config.Steps = 10
	var bad *ConfigError
	if _, err := Run(context.Background(), o); !errors.As(err, &bad) {
		t.Errorf("fewer steps than are done: %v", err)
	}
}

func TestADamagedCheckpointIsAnError(t *testing.T) {
	c := testConfig()
	made := newDir(t)
	mustRun(t, testOptions(t, made, c))
	good := readFile(t, folder(made).tensors())
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(what, text string) {
		t.Helper()
		writeFile(t, folder(made).tensors(), text)
		o := testOptions(t, made, c)
		o.Resume = true
		_, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), "checkpoint.safetensors") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := 0; n < len(good); n += 1 + rng.IntN(40) {
		check(fmt.Sprintf("cut to %d of %d bytes", n, len(good)), good[:n])
	}
	for range 200 {
		i := rng.IntN(len(good))
		b := []byte(good)
		b[i] ^= 1 << rng.IntN(8)
		l, err := load(writeTensors(t, string(b)))
		if err == nil && l != nil && l.fits(c, describeData(testSource().Train)) == nil && l.Step == c.Steps {
			o := newMean(t, c, 2, nil)
			if l.restore(o) == nil && !slices.Equal(l.State["noise"], restoredNoise(t, o)) {
				t.Errorf("bit of byte %d: taken, but the state is another", i)
			}
		}
	}
}

func restoredNoise(t *testing.T, o *meanObjective) []byte {
	s, err := o.State()
	if err != nil {
		t.Fatal(err)
	}
	return s["noise"]
}

func writeTensors(t testing.TB, text string) folder {
	f := folder(t.TempDir())
	writeFile(t, f.tensors(), text)
	return f
}

func FuzzLoadCheckpoint(f *testing.F) {
	c := testConfig()
	c.Steps = 3
	dir := filepath.Join(f.TempDir(), "run")
	mustRun(f, testOptions(f, dir, c))
	f.Add([]byte(readFile(f, folder(dir).tensors())))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		at := writeTensors(t, string(text))
		l, err := load(at)
		if err != nil || l == nil {
			return
		}
		_ = l.fits(c, describeData(testSource().Train))
		_ = l.restore(newMean(t, c, 2, nil))
		if o, _, err := LoadModel(string(at), nil); err == nil && o == nil {
			t.Error("neither a model nor an error")
		}
	})
}

func TestNotFiniteLeavesTheCheckpoint(t *testing.T) {
	c := testConfig()
	for name, o := range map[string]func(o *meanObjective, step int){
		"step":      func(o *meanObjective, step int) { o.failAt = 13 },
		"parameter": func(o *meanObjective, step int) { poison(o, step == 13) },
	} {
		dir := newDir(t)
		opts := testOptions(t, dir, c)
		obj := opts.Objective.(*meanObjective)
		o(obj, 0)
		var before string
		opts.Reporter = hook{step: func(step int) {
			if step == 11 {
				before = readFile(t, folder(dir).tensors())
			}
			o(obj, step)
		}}
		_, err := Run(context.Background(), opts)
		var bad *NotFiniteError
		if !errors.As(err, &bad) || !errors.Is(err, generative.ErrNotFinite) {
			t.Fatalf("%s: %v", name, err)
		}
		if bad.Saved != 7 || bad.Step < 13 || bad.Step > 15 {
			t.Errorf("%s: %v", name, err)
		}
		if readFile(t, folder(dir).tensors()) != before {
			t.Errorf("%s: the checkpoint changed", name)
		}
		if !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: no folder in %q", name, err)
		}
		resumed(t, dir, c) // with the cause gone, it goes on
	}
}

func poison(o *meanObjective, now bool) {
	if now {
		zero := float32(0)
		o.mean.Value.Data()[0] = zero / zero
	}
}

func TestAWriteThatFailsEndsTheRun(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skipf("no %s here", full)
	}
	whole := newDir(t)
	mustRun(t, testOptions(t, whole, testConfig()))
	want := outcome(t, whole)
	for _, name := range []string{"checkpoint.safetensors", "checkpoint.json", "samples-000020.png", "loss.png", "summary.json", "report.html"} {
		dir := newDir(t)
		o := testOptions(t, dir, testConfig())
		o.Reporter = hook{step: func(step int) {
			if step == 19 {
				os.Remove(filepath.Join(dir, name))
				if err := os.Symlink(full, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}}
		_, err := Run(context.Background(), o)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: want an error that names it, got %v", name, err)
		}
		var stopped *StoppedError
		if !errors.As(err, &stopped) || stopped.Step-stopped.Saved > o.Config.SaveEvery || !strings.Contains(err.Error(), "--resume --out "+dir) {
			t.Errorf("%s: what is left is not said, or it is too little: %v", name, err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if name == "checkpoint.safetensors" {
			continue // the test took the checkpoint away
		}
		resumed(t, dir, o.Config)
		sameOutcome(t, want, outcome(t, dir))
	}
}

// TestLostStepsAreSaid: a run that goes on says how many steps it does again.
func TestLostStepsAreSaid(t *testing.T) {
	c := testConfig()
	dir, killed := newDir(t), newDir(t)
	o := testOptions(t, dir, c)
	o.Reporter = hook{step: func(step int) {
		if step == 20 {
			copyFolder(t, killed, dir)
		}
	}}
	mustRun(t, o)
	o = testOptions(t, killed, c)
	o.Resume = true
	var said []string
	o.Reporter = notes{text: &said}
	mustRun(t, o)
	if !slices.ContainsFunc(said, func(s string) bool {
		return strings.Contains(s, "checkpoint of step 14") && strings.Contains(s, "done again")
	}) {
		t.Errorf("said %q", said)
	}
}

// TestTwoProcessesCannotShareARun: neither a second that resumes nor what the first leaves when it is killed does harm.
func TestTwoProcessesCannotShareARun(t *testing.T) {
	c := testConfig()
	dir := newDir(t)
	o := testOptions(t, dir, c)
	var second error
	o.Reporter = hook{step: func(step int) {
		if step == 30 {
			other := testOptions(t, dir, c)
			other.Resume = true
			_, second = Run(context.Background(), other)
		}
	}}
	mustRun(t, o)
	if second == nil || !strings.Contains(second.Error(), dir) || !strings.Contains(second.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second process at the same run: %v", second)
	}
	want := outcome(t, dir)
	if _, ok := want["lock"]; ok {
		t.Error("the lock is left behind")
	}
	writeFile(t, folder(dir).lockFile(), "1\n") // of a process that was killed
	resumed(t, dir, c)
	sameOutcome(t, want, outcome(t, dir))
}

func TestANewRunDoesNotOverwrite(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "thesis.tex"), "all of it")
	var bad *ConfigError
	if _, err := Run(context.Background(), testOptions(t, dir, testConfig())); !errors.As(err, &bad) {
		t.Errorf("want a ConfigError, got %v", err)
	}
	left := newDir(t) // by a kill before the config was whole
	if err := os.Mkdir(left, 0o777); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(left, ".config.json.tmp-XYZ"), "{")
	mustRun(t, testOptions(t, left, testConfig()))
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files", len(entries))
	}
	if _, err := Run(context.Background(), testOptions(t, filepath.Join(dir, "thesis.tex"), testConfig())); err == nil {
		t.Error("a file was taken for a folder")
	}
}

func TestAnotherTierIsToldAndGoesOn(t *testing.T) {
	c := testConfig()
	dir := newDir(t)
	o := testOptions(t, dir, c)
	mustRun(t, o)
	text := readFile(t, folder(dir).tensors())
	l, err := load(folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	tier := fmt.Sprintf(`\"tier\":\"%s\"`, l.Tier)
	other := `\"tier\":\"` + strings.Repeat("x", len(l.Tier)) + `\"`
	writeFile(t, folder(dir).tensors(), strings.Replace(text, tier, other, 1))
	o = testOptions(t, dir, c)
	o.Resume = true
	var said []string
	o.Reporter = notes{text: &said}
	mustRun(t, o)
	if !slices.ContainsFunc(said, func(s string) bool { return strings.Contains(s, "tier xxx") }) {
		t.Errorf("no warning of the tier in %q", said)
	}
}

func TestReadCheckpoint(t *testing.T) {
	dir := newDir(t)
	if _, err := ReadCheckpoint(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the run: %v", err)
	}
	mustRun(t, testOptions(t, dir, testConfig()))
	c, err := ReadCheckpoint(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := load(folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(*c, l.Checkpoint); d != "" {
		t.Errorf("the document differs from that of the tensors: %s", d)
	}
	writeFile(t, folder(dir).document(), `{"schema": 0}`)
	if _, err := ReadCheckpoint(dir); err == nil || !strings.Contains(err.Error(), "schema 0") {
		t.Errorf("a document of another schema: %v", err)
	}
}
