package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	url, _ := startSystem(t)
	demo := func(args ...string) (code int, stdout, stderr string) {
		cmd := concha(t, nil, append([]string{"demo", "--url", url, "--accounts", "12"}, args...)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		return exitCode(t, cmd.Run()), out.String(), errs.String()
	}
	count := func(collection string) string {
		resp, err := http.Get(url + "/v1/" + collection + "?include_total=true&page_size=1")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(body.String(), `"total_count":`)
		total, _, _ := strings.Cut(rest, ",")
		return total
	}

	code, stdout, stderr := demo()
	if want := fmt.Sprintf("%s sessions are at %s", count("audios"), url); code != 0 || count("accounts") != "12" || !strings.Contains(stdout, want) {
		t.Errorf("exit code %d, %s accounts, prints %q without %q, and on stderr %q", code, count("accounts"), stdout, want, stderr)
	}
	if code, _, stderr := demo(); code != 1 || !strings.Contains(stderr, "--yes") {
		t.Errorf("a system that is not empty: exit code %d, stderr: %s", code, stderr)
	}
	if code, _, stderr := demo("--yes"); code != 0 || count("accounts") != "24" {
		t.Errorf("with --yes: exit code %d, %s accounts, stderr: %s", code, count("accounts"), stderr)
	}
	if code, _, _ := demo("--accounts", "0"); code != 2 {
		t.Errorf("--accounts 0: exit code %d", code)
	}
}
