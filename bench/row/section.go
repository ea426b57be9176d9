package row

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
)

// UpdateSection replaces, in a Markdown file, what stands between the lines
//
//	<!-- NAME: begin -->
//	<!-- NAME: end -->
//
// and leaves the rest as it is. A file without the two lines in that order is left alone, with an error.
func UpdateSection(path, name, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
	head, rest, found := bytes.Cut(old, []byte(begin))
	_, tail, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return fmt.Errorf("%s: has no lines %q and %q to write between", path, strings.TrimSpace(begin), end)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s%s%s\n%s%s", head, begin, strings.TrimRight(text, "\n"), end, tail)
		return err
	})
}
