//go:build unix

package page_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/report/page"
)

// A browser is headless Chromium with one tab, driven by the messages of its debugging protocol over a pipe.
type browser struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	session string
	id      int
	said    []string // by the console, and exceptions
	asked   []string // addresses that the tab asked for
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "chromium") {
			t.Fatal("chromium is required but not installed")
		}
		t.Skip("needs Chromium, which is not installed")
	}
	if testing.Short() {
		t.Skip("starts a browser")
	}
	childIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "sinkcpu-browser")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+profile, "about:blank")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its helpers end with it
	cmd.ExtraFiles = []*os.File{childIn, childOut}        // descriptors 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	childIn.Close()
	childOut.Close()
	kill := func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	watchdog := time.AfterFunc(3*time.Minute, kill)
	t.Cleanup(func() {
		watchdog.Stop()
		kill()
		cmd.Wait()
		for range 50 { // its helpers may write a moment longer
			if os.RemoveAll(profile) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	b := &browser{t: t, in: in, out: bufio.NewReader(out)}
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call sends a command and waits for its answer, noting events on the way.
func (b *browser) call(method string, params, into any) {
	b.t.Helper()
	b.id++
	m := map[string]any{"id": b.id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	text, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatal(err)
	}
	for {
		line, err := b.out.ReadBytes(0)
		if err != nil {
			b.t.Fatal("the browser ended: ", err)
		}
		var answer message
		if err := json.Unmarshal(line[:len(line)-1], &answer); err != nil {
			b.t.Fatal(err)
		}
		if answer.ID != b.id {
			b.note(&answer)
			continue
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error)
		}
		if into != nil {
			if err := json.Unmarshal(answer.Result, into); err != nil {
				b.t.Fatal(err)
			}
		}
		return
	}
}

func (b *browser) note(m *message) {
	switch m.Method {
	case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
		b.said = append(b.said, string(m.Params))
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		json.Unmarshal(m.Params, &p)
		b.asked = append(b.asked, p.Request.URL)
	}
}

// eval returns the value of an expression, awaited.
func (b *browser) eval(expression string) any {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	return r.Result.Value
}

// until waits for an expression to be true.
func (b *browser) until(expression string) {
	b.t.Helper()
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if b.eval(expression) == true {
			return
		}
	}
	b.t.Fatalf("not within 40 s: %s\nstatus: %v\nconsole: %v", expression, b.eval("document.getElementById('status').textContent"), b.said)
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.until("document.readyState === 'complete' && document.querySelectorAll('section').length > 3")
}

func (b *browser) key(name string, code int) {
	b.t.Helper()
	for _, kind := range []string{"rawKeyDown", "keyUp"} {
		b.call("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": code}, nil)
	}
}

// clean fails where the page complained or asked for anything foreign.
func (b *browser) clean(base string) {
	b.t.Helper()
	for _, text := range b.said {
		b.t.Errorf("the console says %s", text)
	}
	for _, url := range b.asked {
		if !strings.HasPrefix(url, base) && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:") && url != "about:blank" {
			b.t.Errorf("the page asked for %s", url)
		}
	}
}

const curve = "document.querySelector('section svg path:last-of-type').getAttribute('d').length"

func TestLivePageInABrowser(t *testing.T) {
	b := openBrowser(t)
	dir := writeRun(t, "one")
	base := serve(t, dir)
	b.open(base)
	b.until("document.getElementById('status').textContent.includes('step 20 of 400')")

	// Curves grow.
	before := b.eval(curve).(float64)
	addLines(t, dir, 30, 40, 50)
	b.until("document.getElementById('status').textContent.includes('step 50')")
	if after := b.eval(curve).(float64); !(after > before) {
		t.Errorf("the curve has %v characters after three more steps, %v before", after, before)
	}
	addPicture(t, dir, 50)
	b.until("document.querySelector('img[alt=\"samples after step 50\"]')?.naturalWidth === 8")

	// What an auto-encoder draws appears, and what was noticed, with its step, in the list and on the curve.
	b.until("document.querySelector('section.notices').hidden")
	for _, kind := range []string{"reconstructions", "ways", "codes"} {
		addPictureOf(t, dir, kind, 50)
	}
	for _, alt := range []string{"rows and their reconstructions", "ways between rows", "codes"} {
		b.until(fmt.Sprintf("document.querySelector('img[alt=\"%s after step 50\"]')?.naturalWidth === 8", alt))
	}
	write(t, filepath.Join(dir, "notices.json"), `[{"step":30,"kind":"codes collapse","text":"codes collapse: <b>2</b> of 8"}]`)
	b.until("!document.querySelector('section.notices').hidden && document.querySelector('section.notices li').textContent === 'step 30: codes collapse: <b>2</b> of 8'")
	b.until("document.querySelector('section svg line.mark title')?.textContent === 'codes collapse'")

	// The slider of the latent space changes the picture, by mouse and by keyboard.
	b.until("document.querySelector('img.latent').naturalWidth === 8 && document.querySelectorAll('.latents input').length === 3")
	pixel := `(async () => { const i = document.querySelector('img.latent'); await i.decode();
		const c = document.createElement('canvas').getContext('2d'); c.drawImage(i, 0, 0); return c.getImageData(0, 0, 1, 1).data[0]; })()`
	b.until("(" + pixel + ").then(v => v === 128)")
	b.eval(`(() => { const r = document.querySelector('.latents input'); r.value = .2; r.dispatchEvent(new Event('input')); })()`)
	b.until("(" + pixel + ").then(v => v === 51)")
	b.eval("document.querySelector('.latents input').focus()")
	b.key("ArrowRight", 39)
	b.until("(" + pixel + ").then(v => v === 52)") // 255 (.2 + .005)
	b.key("Tab", 9)
	b.until("document.activeElement === document.querySelectorAll('.latents input')[1]")

	// A name in the settings is text, not a tag.
	b.until("document.querySelectorAll('img[src=x]').length === 0 && document.body.textContent.includes('onerror=alert')")

	// It fits a telephone.
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": true}, nil)
	b.until("document.documentElement.scrollWidth <= 360")
	b.clean(base)
}

func TestReportInABrowser(t *testing.T) {
	b := openBrowser(t)
	file := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := page.Write(f, writeRun(t, "one"), writeRun(t, "two")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	b.open("file://" + file)
	b.until("document.getElementById('status').textContent.includes('two: step 20 of 400')")
	b.until("document.querySelectorAll('img[alt^=samples]')[1].naturalWidth === 8")
	if n := b.eval("document.querySelectorAll('section svg').length"); n != 3. {
		t.Errorf("%v charts, want 3", n)
	}
	b.clean(fmt.Sprintf("file://%s", file))
}

// Texts of the charts lie apart from each other and inside, at the widths of telephones, tablets and screens, also where simple models score
// almost the same.
func TestLabelsLieApart(t *testing.T) {
	b := openBrowser(t)
	dir := writeRun(t, "one")
	write(t, filepath.Join(dir, "summary.json"), `{"held_out":{"references":[{"name":"real against real","mean":0.02,"standard_error":0.3},
		{"name":"the training rows","mean":0.04,"standard_error":0.3},{"name":"100 k-means centroids","mean":2.4,"standard_error":0.3},
		{"name":"10 k-means centroids","mean":3,"standard_error":0.3},{"name":"the mean image","mean":5.2,"standard_error":0.3}]}}`)
	write(t, filepath.Join(dir, "notices.json"), `[{"step":12,"kind":"mode collapse","text":"few modes"},{"step":19,"kind":"discriminator wins","text":"it wins"}]`)
	base := serve(t, dir)
	for _, width := range []int{360, 600, 800, 1000, 1200, 1600, 2400} {
		b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
		b.open(base)
		b.until("document.querySelectorAll('svg .names text').length >= 5")
		problems := b.eval(`[...document.querySelectorAll('svg')].flatMap(svg => {
			const inside = svg.getBoundingClientRect(), found = [];
			const texts = [...svg.querySelectorAll('text')].map(e => ({text: e.textContent, r: e.getBoundingClientRect()}));
			texts.forEach((a, i) => {
				if (a.r.left < inside.left - 1 || a.r.right > inside.right + 1 || a.r.top < inside.top - 1 || a.r.bottom > inside.bottom + 1) found.push(a.text + ' is cut off');
				for (const b of texts.slice(i + 1)) { // boxes have some pixels above and below the letters
					if (a.r.left < b.r.right && b.r.left < a.r.right && a.r.top + 3 < b.r.bottom - 3 && b.r.top + 3 < a.r.bottom - 3) found.push(a.text + ' on ' + b.text);
				}
			});
			return found;
		}).join('; ')`)
		if problems != "" {
			t.Errorf("at %d pixels: %v", width, problems)
		}
	}
	b.clean(base)
}
