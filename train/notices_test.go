package train

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/generative"
)

// TestModeCollapseIsNoticed: plain W at a temperature far above the cost sees the mean alone and draws all samples to it. It is noticed at a
// step of pictures, told once, kept in notices.json, shown in report.html, and cut off with what a run does again.
func TestModeCollapseIsNoticed(t *testing.T) {
	c := DefaultConfig("ring8")
	c.Loss, c.Eps, c.Steps, c.Batch, c.Iters, c.Hidden = "plain", Eps{Value: 100, OfMean: true}, 300, 64, 3, []int{16}
	c.LogEvery, c.SampleEvery, c.SaveEvery, c.EvalEvery = 10, 100, 50, -1
	dir := newDir(t)
	o := prepared(t, dir, c, 1)
	var told []string
	o.Reporter = notes{text: &told}
	s := mustRun(t, o)
	if len(s.Notices) != 1 || s.Notices[0].Kind != modeCollapse || s.Notices[0].Step%100 != 0 {
		t.Fatalf("notices %+v", s.Notices)
	}
	if n := slices.IndexFunc(told, func(text string) bool { return strings.Contains(text, s.Notices[0].Text) }); n < 0 {
		t.Errorf("told %q", told)
	}
	var kept []generative.Notice
	if err := json.Unmarshal([]byte(readFile(t, folder(dir).notices())), &kept); err != nil || !slices.Equal(kept, s.Notices) {
		t.Errorf("%s holds %+v, %v", folder(dir).notices(), kept, err)
	}
	if !strings.Contains(readFile(t, folder(dir).report()), s.Notices[0].Text) {
		t.Error("the report does not show it")
	}
	for _, cut := range []struct {
		step, left int
		c          Config
	}{{300, 1, c}, {int(kept[0].Step), 0, Config{}}} { // the second draws pictures at its end alone
		all, err := folder(dir).cutNotices(cut.c, cut.step)
		if err != nil || len(all) != cut.left {
			t.Errorf("cut after step %d: %+v, %v", cut.step, all, err)
		}
	}
	writeFile(t, folder(dir).notices(), "[{")
	if _, err := folder(dir).cutNotices(c, 300); err == nil || !strings.Contains(err.Error(), "notices.json") {
		t.Errorf("a broken file: %v", err)
	}
}

// TestAutoEncodersDrawTheirCodes: pictures of reconstructions, ways and codes stand beside those of samples, go when a run goes back behind
// them, and are in the report.
func TestAutoEncodersDrawTheirCodes(t *testing.T) {
	c := smallAutoEncoder("wae-mmd", &Config{Data: "glyphs", Steps: 20, Batch: 16, Iters: 4, Hidden: []int{16}, LogEvery: 10, SampleEvery: 10, SaveEvery: 100, EvalEvery: -1})
	c.SampleEvery = 10
	dir := newDir(t)
	o, err := Prepare(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Dir = dir
	mustRun(t, o)
	f := folder(dir)
	for _, kind := range pictureKinds {
		for _, step := range []int{10, 20} {
			if text := readFile(t, f.picture(kind, step)); !strings.HasPrefix(text, "\x89PNG") {
				t.Errorf("%s of step %d is no picture", kind, step)
			}
		}
	}
	if n := strings.Count(readFile(t, f.report()), "data:image/png"); n != 8 {
		t.Errorf("%d pictures in the report, want 8", n)
	}
	if err := f.cut(c, 10); err != nil {
		t.Fatal(err)
	}
	files := outcome(t, dir)
	for _, kind := range pictureKinds {
		if files[kind+"-000010.png"] == "" || files[kind+"-000020.png"] != "" {
			t.Errorf("after a cut at step 10: %v", names(files))
		}
	}
}
