package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// usage is the resources of a process at one moment.
type usage struct {
	resident    int64 // bytes
	descriptors int
	goroutines  int // 0 if the process did not answer
}

// most returns the maximum of each resource.
func (u usage) most(v usage) usage {
	return usage{max(u.resident, v.resident), max(u.descriptors, v.descriptors), max(u.goroutines, v.goroutines)}
}

// tolerance is by how many descriptors and goroutines a process may exceed a
// ratio: the idle figures are so small that a single connection is much.
const tolerance = 8

// within reports whether no resource exceeds ratio times that of idle.
func (u usage) within(ratio float64, idle usage) bool {
	count := func(n, limit int) bool { return float64(n) <= ratio*float64(limit)+tolerance }
	return float64(u.resident) <= ratio*float64(idle.resident) && u.goroutines > 0 &&
		count(u.descriptors, idle.descriptors) && count(u.goroutines, idle.goroutines)
}

// process is a running process with an address of its metrics.
type process struct {
	name  string
	admin string
	*server
}

// usage reads the resources of p.
func (p *process) usage(ctx context.Context) usage {
	resident, _ := p.memory()
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return usage{resident, len(files), p.goroutines(ctx)}
}

var metricsClient = &http.Client{Timeout: 5 * time.Second}

func (p *process) goroutines(ctx context.Context) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+"/metrics", http.NoBody)
	if err != nil {
		return 0
	}
	res, err := metricsClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "go_goroutines "); ok {
			n, _ := strconv.Atoi(value)
			return n
		}
	}
	return 0
}

// watch reads the resources of ps until ctx ends, and returns the maxima.
func watch(ctx context.Context, ps []*process) []usage {
	peaks := make([]usage, len(ps))
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		for i, p := range ps {
			peaks[i] = peaks[i].most(p.usage(context.WithoutCancel(ctx)))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return peaks
		}
	}
}

// pointReads is the result of reading one account every few milliseconds, over
// one connection, and of asking for readiness over new connections.
type pointReads struct {
	Times                 []time.Duration // sorted
	Failed, Asked, Ready  int
	LastFailure, LastWait string // why a read failed, or readiness was not answered
}

const (
	pointEvery  = 4 * time.Millisecond
	healthEvery = 250 * time.Millisecond
	patience    = 10 * time.Second
)

func (r *pointReads) quantile(percent int) time.Duration {
	if len(r.Times) == 0 {
		return 0
	}
	return r.Times[len(r.Times)*percent/100]
}

// readPoints reads an account until ctx ends. It does so in a process of its own,
// as the one that abuses the server is as busy as the server.
func readPoints(ctx context.Context, addr string, id int64) (*pointReads, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, "points", addr, strconv.FormatInt(id, 10))
	cmd.Stderr = os.Stderr
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = end.Close() })()
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	r := new(pointReads)
	return r, json.Unmarshal(out, r)
}

// servePoints is the process of readPoints: it reads the account at addr until its
// standard input ends, and prints the result.
func servePoints(ctx context.Context, addr, id string) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	r := new(pointReads)
	var health sync.WaitGroup
	health.Go(func() { r.askHealth(ctx, addr) })
	r.readUntil(ctx, addr, get([]byte("GET /v1/accounts/"+id)))
	health.Wait()
	slices.Sort(r.Times)
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (r *pointReads) askHealth(ctx context.Context, addr string) {
	for sleep(ctx, healthEvery) {
		r.Asked++
		asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		if err := askReady(asking, addr); err != nil {
			r.LastWait = err.Error()
		} else {
			r.Ready++
		}
		cancel()
	}
}

func (r *pointReads) readUntil(ctx context.Context, addr string, request []byte) {
	var c *client
	for tick := time.NewTicker(pointEvery); ctx.Err() == nil; <-tick.C {
		begun := time.Now()
		var err error
		if c == nil {
			c, err = dial(context.WithoutCancel(ctx), addr)
		}
		if err == nil {
			_ = c.conn.SetDeadline(begun.Add(patience))
			err = c.roundTrip(request)
		}
		if err == nil {
			r.Times = append(r.Times, time.Since(begun))
			continue
		}
		r.Failed++
		r.LastFailure = err.Error()
		if c != nil {
			_ = c.conn.Close()
			c = nil
		}
	}
}
