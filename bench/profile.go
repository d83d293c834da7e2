package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// profiles writes CPU profiles of the product to a folder.
type profiles struct {
	dir  string // "": none
	port string // the product's CONCHA_ADMIN_PORT
}

// prepare makes p offer its profiles.
func (f *profiles) prepare(ctx context.Context, p *program) (err error) {
	if f.dir == "" {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return err
	}
	if f.port, err = freePort(ctx); err != nil {
		return err
	}
	p.env = append(p.env, "CONCHA_ADMIN_PORT="+f.port)
	return nil
}

// during writes the profile of the operation that l measures from now on. wait
// returns when the profile is written.
func (f *profiles) during(ctx context.Context, operation string, l load) (wait func() error) {
	if f.dir == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		url := fmt.Sprintf("http://127.0.0.1:%s/debug/pprof/profile?seconds=%d", f.port, int((l.warmUp + l.length).Seconds()))
		profile, err := send(ctx, http.MethodGet, url, "", nil)
		if err == nil {
			err = os.WriteFile(filepath.Join(f.dir, operation+".pprof"), profile, 0o600)
		}
		done <- err
	}()
	return func() error { return <-done }
}
