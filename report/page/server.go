package page

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Latent draws, as a PNG, what the model of a run makes of the latent point that corresponds to u, a point of the unit cube. It also returns
// the step of the model and the dimension of the latent space; with an empty u the middle of the cube stands for the point.
type Latent func(ctx context.Context, dir string, u []float32) (png []byte, step, dim int, err error)

// A Server shows runs in progress. Readers cost nothing but a goroutine each while nothing changes; one that does not read is let go.
type Server struct {
	latent Latent
	local  bool // only names of this machine are answered

	mu      sync.Mutex
	state   *state
	readers int
	changed chan struct{} // closed at the next change
	told    telling

	drawing chan struct{} // holds one token: a picture of a latent point at a time
}

const (
	pollEvery     = 500 * time.Millisecond
	beatEvery     = 15 * time.Second // an idle reader is sent a comment, so that proxies keep it and a reader that is gone is noticed
	writeDeadline = 10 * time.Second
	lastWord      = 200 * time.Millisecond // for readers to take what was new at the end
	maxReaders    = 1000
)

// NewServer returns a server of the runs in the folders. latent may be nil.
func NewServer(dirs []string, latent Latent) (*Server, error) {
	st, err := readState(dirs)
	if err != nil {
		return nil, err
	}
	st.Live = true
	return &Server{latent: latent, state: st, changed: make(chan struct{}), drawing: make(chan struct{}, 1)}, nil
}

// Listen opens the address of a page. Without a host, or with a port alone, it is of this machine only.
func Listen(address string) (net.Listener, error) {
	if _, err := strconv.Atoi(address); err == nil {
		address = ":" + address
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: want PORT or HOST:PORT, such as 8080 or localhost:8080", address)
	}
	if host == "" {
		host = "localhost"
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// Serve answers on the listener until ctx ends. Readers are told what is new until then.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if a, ok := l.Addr().(*net.TCPAddr); ok {
		s.local = a.IP.IsLoopback()
	}
	whole, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 14,
		BaseContext: func(net.Listener) context.Context { return whole },
		ErrorLog:    log.New(discard{}, "", 0),
	}
	go s.watch(ctx)
	stop := context.AfterFunc(ctx, func() {
		if s.poll() {
			time.Sleep(lastWord)
		}
		end()
		server.Close()
	})
	defer stop()
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// discard swallows what clients do wrong.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// watch reads what is new in the folders while anybody looks.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.poll()
		}
	}
}

// poll reads what is new in the folders, and reports whether anybody was told of anything.
func (s *Server) poll() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == 0 {
		return false
	}
	grown := false
	for _, r := range s.state.Runs {
		lines, resets, version := len(r.Metrics), r.resets, r.version
		r.poll() // what cannot be read now is read later
		grown = grown || lines != len(r.Metrics) || resets != r.resets || version != r.version
	}
	if grown {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return grown
}

// Handler returns the pages: the document, its style and script, the stream of events, pictures of steps and of latent points.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.document)
	mux.HandleFunc("GET /style.css", asset("style.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /app.js", asset("app.js", "text/javascript; charset=utf-8"))
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /runs/{run}/{picture}", s.picture)
	mux.HandleFunc("GET /latent/{run}", s.point)
	return s.guard(mux)
}

// guard refuses foreign names for a page of this machine, so that no other site's script can read it under a name of its own, and forbids the
// page to load or be framed by anything else.
func (s *Server) guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.local && !localName(r.Host) {
			http.Error(w, "this page is for this machine: call it localhost", http.StatusForbidden)
			return
		}
		header := w.Header()
		header.Set("Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		h.ServeHTTP(w, r)
	})
}

func localName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func asset(name, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		b, err := assets.ReadFile("assets/" + name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Write(b)
	}
}

func (s *Server) document(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	if err := layout.Execute(&b, parts{Title: title(s.state)}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
}

// run returns the run that a request names by its place.
func (s *Server) run(r *http.Request) (*run, bool) {
	k, err := strconv.Atoi(r.PathValue("run"))
	if err != nil || k < 0 || k >= len(s.state.Runs) {
		return nil, false
	}
	return s.state.Runs[k], true
}

func (s *Server) picture(w http.ResponseWriter, r *http.Request) {
	run, ok := s.run(r)
	name := r.PathValue("picture")
	if !ok || !pictureName.MatchString(name) {
		http.NotFound(w, r)
		return
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeDeadline))
	http.ServeFile(w, r, filepath.Join(run.dir, name))
}

// point answers with the picture of a latent point, given by its coordinates u in the unit cube, one picture at a time.
func (s *Server) point(w http.ResponseWriter, r *http.Request) {
	run, ok := s.run(r)
	if !ok || s.latent == nil {
		http.NotFound(w, r)
		return
	}
	u, err := parsePoint(r.URL.Query().Get("u"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case s.drawing <- struct{}{}:
		defer func() { <-s.drawing }()
	case <-r.Context().Done():
		return
	}
	png, step, dim, err := s.latent(r.Context(), run.dir, u)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("X-Step", strconv.Itoa(step))
	w.Header().Set("X-Latent-Dim", strconv.Itoa(dim))
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeDeadline))
	w.Write(png)
}

// maxLatent bounds the coordinates that a request may give.
const maxLatent = 4096

func parsePoint(text string) ([]float32, error) {
	if text == "" {
		return nil, nil
	}
	fields := strings.Split(text, ",")
	if len(fields) > maxLatent {
		return nil, fmt.Errorf("u has %d coordinates, at most %d are taken", len(fields), maxLatent)
	}
	u := make([]float32, len(fields))
	for k, f := range fields {
		v, err := strconv.ParseFloat(f, 32)
		if err != nil || !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("coordinate %d of u is %q, want a number in [0, 1]", k, f)
		}
		u[k] = float32(v)
	}
	return u, nil
}

// An update tells a page what a run has gained.
type update struct {
	Run      int                  `json:"run"`
	Reset    bool                 `json:"reset,omitempty"`
	Metrics  []json.RawMessage    `json:"metrics,omitempty"`
	Pictures map[string][]picture `json:"pictures"`
	Notices  json.RawMessage      `json:"notices"`
	Summary  json.RawMessage      `json:"summary"`
}

// seen is what a reader knows of a run.
type seen struct{ lines, resets, version int }

// events streams the state, then updates, as server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		http.Error(w, "too many readers", http.StatusServiceUnavailable)
		return
	}
	defer s.leave()
	s.poll() // what happened while nobody looked
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(kind string, data []byte) error {
		if err := control.SetWriteDeadline(time.Now().Add(writeDeadline)); err != nil {
			return err
		}
		var err error
		if kind == "" {
			_, err = w.Write([]byte(": still here\n\n"))
		} else {
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, data)
		}
		if err != nil {
			return err
		}
		return control.Flush()
	}
	first, known, changed, err := s.whole()
	if err != nil || send("state", first) != nil {
		return
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if send("", nil) != nil {
				return
			}
		case <-changed:
			var updates [][]byte
			updates, changed = s.since(known)
			for _, u := range updates {
				if send("update", u) != nil {
					return
				}
			}
		}
	}
}

func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers >= maxReaders {
		return false
	}
	s.readers++
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	s.readers--
	s.mu.Unlock()
}

// whole returns the state and what a reader knows after it.
func (s *Server) whole() (text []byte, known []seen, changed chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err = json.Marshal(s.state)
	return text, s.now(), s.changed, err
}

// A telling is the updates from one knowledge to another, kept because readers mostly know the same.
type telling struct {
	from, to []seen
	updates  [][]byte
}

// since returns updates for what a reader does not know, and brings known up to date.
func (s *Server) since(known []seen) (updates [][]byte, changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.told.from, known) || !slices.Equal(s.told.to, s.now()) {
		from := slices.Clone(known)
		updates := s.tell(known)
		s.told = telling{from, slices.Clone(known), updates}
	}
	copy(known, s.told.to)
	return s.told.updates, s.changed
}

// now returns what there is to know.
func (s *Server) now() (all []seen) {
	for _, r := range s.state.Runs {
		all = append(all, seen{len(r.Metrics), r.resets, r.version})
	}
	return all
}

// tell makes the updates of since.
func (s *Server) tell(known []seen) (updates [][]byte) {
	for k, r := range s.state.Runs {
		now := seen{len(r.Metrics), r.resets, r.version}
		if now == known[k] {
			continue
		}
		u := update{Run: k, Reset: r.resets != known[k].resets, Pictures: r.Pictures, Notices: r.Notices, Summary: r.Summary}
		if u.Reset {
			known[k].lines = 0
		}
		u.Metrics = r.Metrics[known[k].lines:]
		known[k] = now
		if text, err := json.Marshal(u); err == nil {
			updates = append(updates, text)
		}
	}
	return updates
}
