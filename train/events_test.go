package train

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readEvents returns a text for each record: the step and what it holds, without times and speeds.
func readEvents(t testing.TB, file []byte) []string {
	t.Helper()
	var list []string
	for r := bytes.NewReader(file); ; {
		event, err := readRecord(r, int64(r.Len()))
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("record %d: %v", len(list), err)
		}
		var b strings.Builder
		ok := eachField(event, func(field, v uint64, body []byte) {
			switch field {
			case 2, 3:
				fmt.Fprintf(&b, "%d=%d%q ", field, v, body)
			case 5:
				eachField(body, func(_, _ uint64, value []byte) { b.WriteString(valueText(value)) })
			}
		})
		if !ok {
			t.Fatalf("record %d is no message", len(list))
		}
		list = append(list, b.String())
	}
}

func valueText(value []byte) string {
	var tag, text string
	eachField(value, func(field, _ uint64, body []byte) {
		switch field {
		case 1:
			tag = string(body)
		case 2:
			text = fmt.Sprint(math.Float32frombits(binary.LittleEndian.Uint32(body)))
		case 4:
			eachField(body, func(field, v uint64, png []byte) { text += fmt.Sprintf("%d:%d:%d ", field, v, len(png)) })
		}
	})
	if tag == keySpeed {
		return ""
	}
	return tag + "=" + text + " "
}

func TestMaskedCRC(t *testing.T) {
	// CRC-32C of the nine digits is the check value of the Rocksoft model; 32 zeros are in RFC 3720, B.4.
	for text, crc := range map[string]uint32{"123456789": 0xe3069283, strings.Repeat("\x00", 32): 0x8a9136aa} {
		got := maskedCRC([]byte(text)) - 0xa282ead8
		if back := got<<15 | got>>17; back != crc {
			t.Errorf("%q: %#x, want %#x", text, back, crc)
		}
	}
}

func TestEventsAreWireExact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	e, err := openEvents(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.scalars(300, []Metric{{"loss", 1.5}, {"norm", 2}}); err != nil {
		t.Fatal(err)
	}
	if err := e.picture(301, "samples", image.NewGray(image.Rect(0, 0, 5, 4)), []byte("PNG")); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	b := []byte(readFile(t, path))
	want := []string{`3=0"brain.Event:2" `, `2=300"" loss=1.5 norm=2 `, `2=301"" samples=1:4:0 2:5:0 3:1:0 4:0:3  `}
	if got := readEvents(t, b); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("records %q, want %q", got, want)
	}
	// The second record, after the version: its message written out by hand.
	first := 12 + 9 + 2 + len(eventVersion) + 4
	message := b[first+12+9:]
	by := "\x10\xac\x02" + "\x2a\x1a" + "\x0a\x0b\x0a\x04loss\x15\x00\x00\xc0\x3f" + "\x0a\x0b\x0a\x04norm\x15\x00\x00\x00\x40"
	if !strings.HasPrefix(string(message), by) {
		t.Errorf("message % x, want % x", message[:len(by)], by)
	}
}

func TestCutEventsAnywhere(t *testing.T) {
	c := testConfig()
	dir := newDir(t)
	mustRun(t, testOptions(t, dir, c))
	whole := readFile(t, folder(dir).events())
	path := filepath.Join(t.TempDir(), "events")
	for n := 0; n <= len(whole); n += 1 + n/15 {
		writeFile(t, path, whole[:n])
		if err := cutEvents(path, c, 1000); err != nil {
			t.Fatal(err)
		}
		left := readFile(t, path)
		if !strings.HasPrefix(whole[:n], left) {
			t.Fatalf("cut at %d: not a beginning", n)
		}
		readEvents(t, []byte(left)) // whole records only
	}
	if err := cutEvents(filepath.Join(t.TempDir(), "none"), c, 3); err != nil {
		t.Error(err)
	}
}

func FuzzCutEvents(f *testing.F) {
	path := filepath.Join(f.TempDir(), "events")
	e, err := openEvents(path)
	if err != nil {
		f.Fatal(err)
	}
	if err := e.scalars(3, []Metric{{"loss", 1}}); err != nil {
		f.Fatal(err)
	}
	e.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, 2)
	f.Add(b[:40], 5)
	f.Fuzz(func(t *testing.T, text []byte, step int) {
		path := filepath.Join(t.TempDir(), "events")
		writeFile(t, path, string(text))
		if err := cutEvents(path, testConfig(), step); err != nil {
			t.Fatal(err)
		}
		left := readFile(t, path)
		if !strings.HasPrefix(string(text), left) {
			t.Fatal("not a beginning")
		}
		readEvents(t, []byte(left))
	})
}

func TestCutMetricsAnywhere(t *testing.T) {
	c := testConfig()
	dir := newDir(t)
	mustRun(t, testOptions(t, dir, c))
	whole := readFile(t, folder(dir).metrics())
	path := filepath.Join(t.TempDir(), "metrics.jsonl")
	for step := 0; step <= c.Steps; step += 13 {
		for n := 0; n <= len(whole); n += 37 {
			writeFile(t, path, whole[:n])
			if err := cutMetrics(path, c, step); err != nil {
				t.Fatal(err)
			}
			left := readFile(t, path)
			if !strings.HasPrefix(whole[:n], left) || left != "" && !strings.HasSuffix(left, "}\n") {
				t.Fatalf("cut at byte %d and step %d leaves %q", n, step, left)
			}
			lines, err := readMetrics(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				if !(l["step"] <= float64(step)) {
					t.Fatalf("step %d: line %v", step, l)
				}
			}
		}
	}
}
