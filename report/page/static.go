package page

import (
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
)

//go:embed assets
var assets embed.FS

// layout is the page, with its parts either linked or within.
var layout = template.Must(template.ParseFS(assets, "assets/index.html"))

// parts fills the layout.
type parts struct {
	Title  string
	Style  template.CSS // empty: linked
	Script template.JS
	State  template.JS // JSON of the state, empty on a live page
}

// A state is what the page shows.
type state struct {
	Live bool   `json:"live"`
	Runs []*run `json:"runs"`
}

// maxEmbedded is how many pictures of samples of a run a self-contained page holds, spread over its steps, the first and the last among them,
// and fewEmbedded how many of each other kind.
const (
	maxEmbedded = 12
	fewEmbedded = 4
)

// Write writes one self-contained HTML file that shows the runs in the folders, beside each other where there are several.
func Write(w io.Writer, dirs ...string) error {
	st, err := readState(dirs)
	if err != nil {
		return err
	}
	for _, r := range st.Runs {
		if err := r.embed(); err != nil {
			return err
		}
	}
	text, err := json.Marshal(st) // escapes <, > and &, so that no text within ends the script
	if err != nil {
		return err
	}
	style, err := assets.ReadFile("assets/style.css")
	if err != nil {
		return err
	}
	script, err := assets.ReadFile("assets/app.js")
	if err != nil {
		return err
	}
	return layout.Execute(w, parts{title(st), template.CSS(style), template.JS(script), template.JS(text)})
}

func readState(dirs []string) (*state, error) {
	st := new(state)
	for _, dir := range dirs {
		r, err := openRun(dir)
		if err != nil {
			return nil, err
		}
		st.Runs = append(st.Runs, r)
	}
	if len(st.Runs) == 0 {
		return nil, fmt.Errorf("page: no run to show")
	}
	return st, nil
}

func title(st *state) string {
	t := st.Runs[0].Name
	for _, r := range st.Runs[1:] {
		t += ", " + r.Name
	}
	return t + " - sinkcpu"
}

// embed replaces the names of the pictures by their bytes.
func (r *run) embed() error {
	for kind, all := range r.Pictures {
		most := fewEmbedded
		if kind == "samples" {
			most = maxEmbedded
		}
		kept := spread(all, most)
		for k := range kept {
			b, err := os.ReadFile(filepath.Join(r.dir, kept[k].Src))
			if err != nil {
				return err
			}
			kept[k].Src = "data:image/png;base64," + base64.StdEncoding.EncodeToString(b)
		}
		r.Pictures[kind] = kept
	}
	return nil
}

// spread returns at most n pictures, the first and the last among them.
func spread(all []picture, n int) []picture {
	n = min(n, len(all))
	kept := make([]picture, n)
	for k := range kept {
		kept[k] = all[k*(len(all)-1)/max(n-1, 1)]
	}
	return kept
}
