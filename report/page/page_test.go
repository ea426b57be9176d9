package page_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/report/page"
)

// writeRun makes the folder of a run at step 20 with a hostile name in its settings.
func writeRun(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "config.json"), `{"schema":1,"data":"</script><img src=x onerror=alert(1)>","steps":400,"lr":0.003}`)
	addLines(t, dir, 10, 20)
	addPicture(t, dir, 10)
	return dir
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// addLines appends metrics of steps.
func addLines(t testing.TB, dir string, steps ...int) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "metrics.jsonl"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, s := range steps {
		fmt.Fprintf(f, `{"step":%d,"loss":%g,"grad_norm":1.5,"seconds":1}`+"\n", s, 100/float64(s))
	}
	fmt.Fprintf(f, `{"step":%d,"held_out":3.5,"held_out_standard_error":0.25}`+"\n", steps[len(steps)-1])
}

func picture(shade uint8) []byte {
	m := image.NewGray(image.Rect(0, 0, 8, 8))
	for i := range m.Pix {
		m.Pix[i] = color.Gray{Y: shade}.Y
	}
	var b bytes.Buffer
	png.Encode(&b, m)
	return b.Bytes()
}

func addPicture(t testing.TB, dir string, step int) { addPictureOf(t, dir, "samples", step) }

func addPictureOf(t testing.TB, dir, kind string, step int) {
	t.Helper()
	write(t, filepath.Join(dir, fmt.Sprintf("%s-%06d.png", kind, step)), string(picture(uint8(step))))
}

// latent paints the first coordinate.
func latent(_ context.Context, _ string, u []float32) ([]byte, int, int, error) {
	shade := uint8(128)
	if len(u) > 0 {
		shade = uint8(255 * u[0])
	}
	return picture(shade), 20, 3, nil
}

// serve serves runs until the test ends, and returns the address.
func serve(t testing.TB, dirs ...string) string {
	t.Helper()
	s, err := page.NewServer(dirs, latent)
	if err != nil {
		t.Fatal(err)
	}
	l, err := page.Listen("0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func get(t testing.TB, url string) (int, http.Header, []byte) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, b
}

func TestPages(t *testing.T) {
	base := serve(t, writeRun(t, "one"), writeRun(t, "two"))
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{"/", 200, `src="app.js"`},
		{"/app.js", 200, "EventSource"},
		{"/style.css", 200, "prefers-color-scheme\n"[:0]},
		{"/runs/0/samples-000010.png", 200, "PNG"},
		{"/runs/1/samples-000011.png", 404, ""},
		{"/runs/2/samples-000010.png", 404, ""},
		{"/runs/0/codes-000010.png", 404, ""},
		{"/runs/0/lock-000010.png", 404, ""},
		{"/runs/0/config.json", 404, ""},
		{"/runs/0/..%2Fconfig.json", 404, ""},
		{"/latent/0?u=0.5,0.5,0.5", 200, "PNG"},
		{"/latent/0", 200, "PNG"},
		{"/latent/0?u=0.5,x,0.5", 400, "coordinate 1"},
		{"/latent/0?u=NaN", 400, "coordinate 0"},
		{"/latent/0?u=1.5", 400, "coordinate 0"},
		{"/latent/0?u=" + strings.Repeat("0,", 5000) + "0", 400, "at most"},
		{"/latent/7?u=0.5", 404, ""},
	} {
		code, header, body := get(t, base+c.path)
		if code != c.code || !bytes.Contains(body, []byte(c.want)) {
			t.Errorf("GET %.60s: %d, %.80q; want %d with %q", c.path, code, body, c.code, c.want)
		}
		if !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("GET %.60s: no policy against foreign content", c.path)
		}
	}
}

func TestForeignNamesAreRefusedOnALocalPage(t *testing.T) {
	base := serve(t, writeRun(t, "one"))
	time.Sleep(20 * time.Millisecond)
	request, err := http.NewRequest("GET", base, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "attacker.example"
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Fatalf("status %d for a foreign name", answer.StatusCode)
	}
}

func TestListenIsOfThisMachineUnlessToldOtherwise(t *testing.T) {
	for _, address := range []string{"0", ":0", "localhost:0"} {
		l, err := page.Listen(address)
		if err != nil {
			t.Fatal(err)
		}
		if ip := l.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
			t.Errorf("%q listens on %v", address, ip)
		}
		l.Close()
	}
	if _, err := page.Listen("eight"); err == nil || !strings.Contains(err.Error(), "HOST:PORT") {
		t.Errorf("address eight: %v", err)
	}
}

// A stream reads server-sent events.
type stream struct {
	t    testing.TB
	scan *bufio.Scanner
}

func follow(t testing.TB, base string) *stream {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(stop)
	request, err := http.NewRequestWithContext(ctx, "GET", base+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	scan := bufio.NewScanner(answer.Body)
	scan.Buffer(nil, 1<<20)
	return &stream{t, scan}
}

// next returns the data of the next event, decoded.
func (s *stream) next(into any) {
	s.t.Helper()
	for s.scan.Scan() {
		if data, ok := strings.CutPrefix(s.scan.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), into); err != nil {
				s.t.Fatal(err)
			}
			return
		}
	}
	s.t.Fatal("the stream ended: ", s.scan.Err())
}

type runState struct {
	Run      int
	Reset    bool
	Name     string
	Metrics  []map[string]float64
	Pictures map[string][]struct{ Step int }
	Notices  []struct {
		Step int
		Kind string
	}
	Summary map[string]any
}

func TestEventsTellWhatARunGains(t *testing.T) {
	dir := writeRun(t, "one")
	events := follow(t, serve(t, dir))
	var st struct {
		Live bool
		Runs []runState
	}
	events.next(&st)
	if !st.Live || len(st.Runs) != 1 || st.Runs[0].Name != "one" || len(st.Runs[0].Metrics) != 3 || len(st.Runs[0].Pictures["samples"]) != 1 {
		t.Fatalf("state %+v", st)
	}
	addLines(t, dir, 30)
	var u runState
	events.next(&u)
	if u.Reset || len(u.Metrics) != 2 || u.Metrics[0]["step"] != 30 {
		t.Fatalf("update %+v after a line more", u)
	}
	addPicture(t, dir, 30)
	u = runState{}
	events.next(&u)
	if len(u.Metrics) != 0 || len(u.Pictures["samples"]) != 2 || u.Pictures["samples"][1].Step != 30 {
		t.Fatalf("update %+v after a picture more", u)
	}
	write(t, filepath.Join(dir, "metrics.jsonl"), `{"step":10,"loss":7}`+"\n"+`{"step":20,"lo`) // cut on resume, a line being written
	u = runState{}
	events.next(&u)
	if !u.Reset || len(u.Metrics) != 1 || u.Metrics[0]["loss"] != 7 {
		t.Fatalf("update %+v after a cut", u)
	}
	addPictureOf(t, dir, "codes", 30)
	u = runState{}
	events.next(&u)
	if len(u.Pictures["samples"]) != 2 || len(u.Pictures["codes"]) != 1 {
		t.Fatalf("update %+v after a picture of codes", u)
	}
	write(t, filepath.Join(dir, "notices.json"), `[{"step":20,"kind":"codes collapse","text":"codes collapse: all"}]`)
	u = runState{}
	events.next(&u)
	if len(u.Notices) != 1 || u.Notices[0].Step != 20 || u.Notices[0].Kind != "codes collapse" {
		t.Fatalf("update %+v after a notice", u)
	}
	write(t, filepath.Join(dir, "summary.json"), `{"steps":20}`)
	u = runState{}
	events.next(&u)
	if u.Summary["steps"] != 20. {
		t.Fatalf("update %+v after the summary", u)
	}
}

// Two hundred idle readers, and one that never reads while there is more to tell than a connection holds, delay nobody.
func TestReadersDoNotDelayEachOther(t *testing.T) {
	dir := writeRun(t, "one")
	base := serve(t, dir)
	stuck, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	stuck.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(stuck, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for range 200 {
		s := follow(t, base)
		go func() {
			for s.scan.Scan() {
			}
		}()
	}
	reader := follow(t, base)
	var st struct{ Runs []runState }
	reader.next(&st)
	lines := len(st.Runs[0].Metrics)
	for k := range 3 {
		steps := make([]int, 1000)
		for i := range steps {
			steps[i] = 100 + 1000*k + i
		}
		addLines(t, dir, steps...)
		begin := time.Now()
		for lines < 3+1001*(k+1) {
			var u runState
			reader.next(&u)
			lines += len(u.Metrics)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Fatalf("an update took %v", took)
		}
	}
}

func TestReportIsOneFile(t *testing.T) {
	dir := writeRun(t, "one")
	for step := 11; step < 60; step++ {
		addPicture(t, dir, step)
		addPictureOf(t, dir, "codes", step)
	}
	var b bytes.Buffer
	if err := page.Write(&b, dir); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, foreign := range []string{`src="http`, `href="http`, "app.js", "style.css", "onerror=alert(1)>"} {
		if strings.Contains(text, foreign) {
			t.Errorf("the report contains %q", foreign)
		}
	}
	if n := strings.Count(text, "data:image/png;base64,"); n != 12+4 {
		t.Errorf("%d pictures within, want 12 of 50 and 4 of 49", n)
	}
	_, after, ok := strings.Cut(text, `id="state">`)
	state, _, _ := strings.Cut(after, "</script>")
	var st struct{ Runs []runState }
	if err := json.Unmarshal([]byte(state), &st); !ok || err != nil {
		t.Fatalf("the state within is no JSON: %v", err)
	}
	for kind, first := range map[string]int{"samples": 10, "codes": 11} {
		if got := st.Runs[0].Pictures[kind]; got[0].Step != first || got[len(got)-1].Step != 59 {
			t.Errorf("%s of steps %v, want the first and the last among them", kind, got)
		}
	}
}

func TestFoldersThatAreNoRuns(t *testing.T) {
	empty := t.TempDir()
	if err := page.Write(io.Discard, empty); err == nil || !strings.Contains(err.Error(), "no config.json") {
		t.Errorf("an empty folder: %v", err)
	}
	write(t, filepath.Join(empty, "config.json"), "{")
	if _, err := page.NewServer([]string{empty}, nil); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("a broken config: %v", err)
	}
	if err := page.Write(io.Discard); err == nil {
		t.Error("no run at all")
	}
}
