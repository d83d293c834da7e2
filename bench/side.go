package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	preloaded  = 10_000 // accounts
	withImages = 16     // of the product's accounts
	starts     = 5
)

// side is a program to measure, and the content of its database.
type side struct {
	program
	server    *server
	dir       string
	ids       []int64
	pages     []string // tokens of pages of 100
	withImage []int64

	authorization string // a header of requests to proxies; "": none

	fresh, again            time.Duration // start to ready: on an empty folder, on the data
	idle, after, peakMemory int64
}

// newSide starts p with its data below dir and fills its database.
func newSide(ctx context.Context, p program, dir string) (side, error) {
	s := side{program: p, dir: filepath.Join(dir, "data")}
	fmt.Printf("starting the %s, loading %d accounts\n", p.name, preloaded)
	var err error
	s.fresh, err = startTime(ctx, p, func(n int) string { return filepath.Join(dir, strconv.Itoa(n)) })
	if err != nil {
		return side{}, err
	}
	if s.server, err = start(ctx, p, s.dir); err != nil {
		return side{}, err
	}
	s.server.settle(ctx)
	s.idle, _ = s.server.memory()
	if err := s.fill(ctx); err != nil {
		s.stop()
		return side{}, fmt.Errorf("load the %s: %w", p.name, err)
	}
	s.server.settle(ctx)
	return s, nil
}

// startTime returns the median of some starts in the folders that dir names.
func startTime(ctx context.Context, p program, dir func(n int) string) (time.Duration, error) {
	var times []time.Duration
	for n := range starts {
		s, err := start(ctx, p, dir(n))
		if err != nil {
			return 0, err
		}
		times = append(times, s.started)
		if err := s.stop(); err != nil {
			return 0, err
		}
	}
	return median(times), nil
}

func (s *side) stop() {
	if s.server == nil {
		return
	}
	if err := s.server.stop(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: stop the %s: %v\n", s.name, err)
	}
	s.server = nil
}

// finish takes the measurements that are available after the load.
func (s *side) finish(ctx context.Context) (err error) {
	s.server.settle(ctx)
	s.after, s.peakMemory = s.server.memory()
	s.stop()
	s.again, err = startTime(ctx, s.program, func(int) string { return s.dir })
	return err
}

// fill creates the accounts, finds the pages of their list and, in the
// product, gives some more accounts an image.
func (s *side) fill(ctx context.Context) error {
	var err error
	if s.ids, err = s.create(ctx, preloaded); err != nil {
		return err
	}
	var page struct {
		NextPageToken string `json:"next_page_token"`
	}
	for {
		s.pages = append(s.pages, page.NextPageToken)
		if err := s.call(ctx, http.MethodGet, "/v1/accounts?page_size=100&page_token="+page.NextPageToken, "", nil, &page); err != nil {
			return err
		}
		if page.NextPageToken == "" {
			break
		}
	}
	if s.name != "product" {
		return nil
	}
	if s.withImage, err = s.create(ctx, withImages); err != nil {
		return err
	}
	picture, err := portrait()
	if err != nil {
		return err
	}
	for _, id := range s.withImage {
		if err := s.call(ctx, http.MethodPut, fmt.Sprintf("/v1/accounts/%d/image", id), "image/png", picture, nil); err != nil {
			return err
		}
	}
	return nil
}

// create returns the ids of n new accounts.
func (s *side) create(ctx context.Context, n int) ([]int64, error) {
	const workers = 16
	ids := make([][]int64, workers)
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(rand.Uint64(), uint64(w)))
			for range n / workers {
				var account struct{ ID int64 }
				if errs[w] = s.call(ctx, http.MethodPost, "/v1/accounts", "application/json", appendProfile(nil, random), &account); errs[w] != nil {
					return
				}
				ids[w] = append(ids[w], account.ID)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(ids...), nil
}

// call is that of the package, to s.
func (s *side) call(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	return call(ctx, method, "http://"+s.server.addr+path, contentType, body, out)
}

// call sends a request and decodes the answer into out, if that is not nil.
func call(ctx context.Context, method, url, contentType string, body []byte, out any) error {
	answer, err := send(ctx, method, url, contentType, body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

// send sends a request and returns the body of the answer, which must be of 2xx.
func send(ctx context.Context, method, url, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %s", method, url, res.Status, answer)
	}
	return answer, nil
}

// portrait is a picture of about 20 kB.
func portrait() ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, 160, 128))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32())
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}
