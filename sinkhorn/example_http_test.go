package sinkhorn_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// What a request may ask for: with these a solve of the three problems takes some hundredths of a second and 12 MB.
const (
	maxBody    = 1 << 20
	maxPoints  = 1000
	maxSeconds = 2
)

// A driftRequest is two samples, a point a row.
type driftRequest struct {
	Before, After [][]float64
	Eps           float64 // in the units of |x-y|^2; 0 stands for 0.05
}

type driftResponse struct {
	Divergence float64    `json:"divergence"`
	Bounds     [2]float64 `json:"bounds"`
}

// serveDrift answers how far two samples are apart. The solve ends with the request: its context is cancelled when the client goes away.
func serveDrift(w http.ResponseWriter, r *http.Request) {
	var in driftRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		code := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			code = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), code)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxSeconds*time.Second)
	defer cancel()
	out, err := drift(ctx, &in)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, sinkhorn.ErrNotConverged):
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(out)
	}
}

// drift solves the three problems of the divergence.
func drift(ctx context.Context, in *driftRequest) (*driftResponse, error) {
	dim, err := dimension(in.Before, in.After)
	if err != nil {
		return nil, err
	}
	x, y := slices.Concat(in.Before...), slices.Concat(in.After...)
	n, m := len(in.Before), len(in.After)
	between := func(u, v []float64, n, m int) (*logsumexp.Points[float32], error) {
		return logsumexp.NewPoints[float32](logsumexp.SqEuclidean, u, v, nil, nil, n, m, dim)
	}
	cxy, err1 := between(x, y, n, m)
	cxx, err2 := between(x, x, n, n)
	cyy, err3 := between(y, y, m, m)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	xy, err1 := sinkhorn.NewProblem(cxy, nil, nil)
	xx, err2 := sinkhorn.NewSelfProblem(cxx, nil)
	yy, err3 := sinkhorn.NewSelfProblem(cyy, nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if in.Eps == 0 {
		in.Eps = .05
	}
	solver := sinkhorn.Solver[float32]{Eps: in.Eps, MaxIter: 2000}
	d, err := solver.Divergence(ctx, xy, xx, yy)
	if err != nil {
		return nil, err
	}
	lower, upper := d.Bounds()
	return &driftResponse{d.Value(), [2]float64{lower, upper}}, nil
}

// dimension returns that of the points of all samples, or says which differs.
func dimension(samples ...[][]float64) (int, error) {
	if len(samples[0]) == 0 || len(samples[0][0]) == 0 {
		return 0, errors.New("the first sample is empty")
	}
	dim := len(samples[0][0])
	for s, sample := range samples {
		if len(sample) < 1 || len(sample) > maxPoints {
			return 0, fmt.Errorf("sample %d has %d points, want 1 to %d", s, len(sample), maxPoints)
		}
		for i, point := range sample {
			if len(point) != dim {
				return 0, fmt.Errorf("point %d of sample %d has %d coordinates, the first has %d", i, s, len(point), dim)
			}
		}
	}
	return dim, nil
}

// A handler that compares two samples: requests are bounded in size and time, a solve ends with its request, and errors become codes.
func Example_httpHandler() {
	server := httptest.NewServer(http.HandlerFunc(serveDrift))
	defer server.Close()
	for _, body := range []string{
		`{"before": [[0,0],[0,1],[1,0]], "after": [[3,0],[3,1],[4,0]], "eps": 0.5}`,
		`{"before": [[0,0],[0,1]], "after": [[3]]}`,
	} {
		reply, err := http.Post(server.URL, "application/json", strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		var out driftResponse
		err = json.NewDecoder(reply.Body).Decode(&out)
		reply.Body.Close()
		if reply.StatusCode != http.StatusOK {
			fmt.Println(reply.Status)
			continue
		}
		fmt.Printf("%s: %.3f %v\n", reply.Status, out.Divergence, err)
	}
	// Output:
	// 200 OK: 9.000 <nil>
	// 400 Bad Request
}

// TestHandlerCodes: each kind of failure has its code.
func TestHandlerCodes(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name, body string
		ctx        context.Context
		want       int
	}{
		{"done", `{"before": [[0],[1]], "after": [[2],[4]]}`, context.Background(), http.StatusOK},
		{"no JSON", `{"before": [[0`, context.Background(), http.StatusBadRequest},
		{"eps", `{"before": [[0]], "after": [[1]], "eps": -1}`, context.Background(), http.StatusBadRequest},
		{"points", `{"before": [` + strings.Repeat(`[0],`, maxPoints) + `[0]], "after": [[1]]}`, context.Background(), http.StatusBadRequest},
		{"bytes", `{"before": [[` + strings.Repeat(`0,`, maxBody) + `0]]}`, context.Background(), http.StatusRequestEntityTooLarge},
		{"gone", `{"before": [[0],[1],[5]], "after": [[2],[4]]}`, ended, http.StatusServiceUnavailable},
	} {
		w := httptest.NewRecorder()
		serveDrift(w, httptest.NewRequest(http.MethodPost, "/drift", strings.NewReader(c.body)).WithContext(c.ctx))
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, w.Code, c.want, w.Body)
		}
	}
}
