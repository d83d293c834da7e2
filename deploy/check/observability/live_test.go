package observability

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
	"github.com/concha-labs/backend/deploy/check/internal/system"
)

// TestQueries has a Prometheus scrape the system while clients use it. Each
// query of the rules, the dashboard and the runbooks must have a result, and
// each documented metric must be there with its labels.
func TestQueries(t *testing.T) {
	resources := system.Resources{
		Project: "observed", Instance: "observed", Buckets: map[string]string{"accounts": "observed-images", "audios": "observed-files"},
	}
	for _, service := range []string{"accounts", "audios"} {
		resources.Provision(t, service)
	}
	cloud, alone := resources.Start(t), system.AllInOne(t)
	p := startPrometheus(t, slices.Concat(slices.Collect(maps.Values(cloud.Admin)), slices.Collect(maps.Values(alone.Admin))))
	defer load(t, cloud, alone)()

	rules, dashboard, operations := repo.Read(t, rulesFile), repo.Read(t, dashboardFile), repo.Read(t, document)
	_, queries := checkRules(rules, repo.Read(t, testsFile), operations)
	_, panels := checkDashboard([]byte(dashboard), operations, rules)
	maps.Copy(queries, panels)
	runbook := runbookQueries(operations)
	if len(queries) < 40 || len(runbook) < 15 {
		t.Fatalf("%d queries of rules and panels, %d of runbooks: some are not found", len(queries), len(runbook))
	}
	maps.Copy(queries, runbook)

	// The failures that some queries look for.
	system.Eventually(t, "audios has answered", func() error { return p.answers(t, `concha_upstream_request_duration_seconds_count{upstream="audios"}`) })
	cloud.Stop("audios")

	p.answersAll(t, queries)
	for name, query := range map[string]string{
		"value that no label has":   `sum(rate(concha_requests_refused_total{reason="unauthorized"}[10m])) > 1`,
		"route as gin writes it":    `rate(http_server_request_duration_seconds_count{route="/v1/accounts/:id"}[5m])`,
		"bucket that is none":       `rate(http_server_request_duration_seconds_bucket{le="0.6"}[5m])`,
		"quantile of what is no le": `histogram_quantile(0.99, sum by (log) (rate(concha_event_publish_delay_seconds_bucket[5m])))`,
	} {
		if p.answers(t, query) == nil {
			t.Errorf("%s: %s has a result", name, query)
		}
	}
	p.checkMetrics(t, documented(operations))
}

// load uses the systems until stop.
func load(t *testing.T, systems ...*system.System) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var clients sync.WaitGroup
	for _, s := range systems {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
					use(t, s, n)
				}
			}
		})
	}
	return func() {
		close(done)
		clients.Wait()
	}
}

var accountID = regexp.MustCompile(`"id":(\d+)`)

// use creates, changes, reads and deletes resources, follows the feed, and asks
// without credentials.
func use(t *testing.T, s *system.System, n int) {
	t.Helper()
	_, account := s.Do(t, http.MethodPost, "/v1/accounts", fmt.Sprintf(`{"name":"Ann","email":"ann%d@example.com","address":""}`, n))
	path := "/v1/accounts/"
	if id := accountID.FindStringSubmatch(account); id != nil {
		path += id[1]
	}
	s.Do(t, http.MethodGet, path, "")
	s.Do(t, http.MethodGet, "/v1/accounts?page_size=2", "")
	session := fmt.Sprintf(`{"session_id":%d,"ticks":[-96.3,-96.3,-93,-90,-87,-84,-81,-78,-75,-72,-69,-66,-63,-60,-57],"selected_tick":5,"step_count":1}`, n)
	s.Do(t, http.MethodPost, "/v1/audios", session)
	s.Do(t, http.MethodGet, "/v1/events/accounts?wait=1&since=2000-01-01T00:00:00Z", "")
	s.Do(t, http.MethodDelete, path, "")
	system.Do(t, http.MethodGet, s.URL+"/v1/accounts", "")
}

// prometheus is a server that scrapes and evaluates every second.
type prometheus struct{ url string }

func startPrometheus(t *testing.T, targets []string) prometheus {
	t.Helper()
	dir, port := t.TempDir(), system.FreePort(t)
	list, err := json.Marshal(targets)
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "prometheus.yaml")
	text := fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs: [{job_name: concha, static_configs: [{targets: %s}]}]
`, filepath.Join(repo.Root(), rulesFile), list)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=localhost:"+port, "--log.level=warn")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := prometheus{"http://localhost:" + port}
	system.Eventually(t, "all processes are scraped", func() error {
		if up, err := p.query(t, "up == 1"); err != nil || len(up) != len(targets) {
			return fmt.Errorf("%d of %d, %w", len(up), len(targets), err)
		}
		return nil
	})
	return p
}

// sample is an element of the result of a query.
type sample struct {
	Metric map[string]string
	Value  []any // the time, and the value as text
}

func (p prometheus) get(t *testing.T, path string, parameters url.Values, data any) error {
	t.Helper()
	status, body := system.Do(t, http.MethodGet, p.url+path+"?"+parameters.Encode(), "")
	if status != http.StatusOK {
		return fmt.Errorf("%d: %s", status, body)
	}
	return json.Unmarshal([]byte(body), &struct{ Data any }{data})
}

func (p prometheus) query(t *testing.T, query string) ([]sample, error) {
	t.Helper()
	var data struct{ Result []sample }
	err := p.get(t, "/api/v1/query", url.Values{"query": {query}}, &data)
	return data.Result, err
}

var comparison = regexp.MustCompile(`(?:[<>]=?|[!=]=)\s*[\d.e]+(?:\s*\*\s*[\d.e]+)*`)

// answers returns an error unless the query has a result that is a number. A
// comparison with a number, which only an alert that fires passes, is left out.
func (p prometheus) answers(t *testing.T, query string) error {
	t.Helper()
	query = strings.ReplaceAll(comparison.ReplaceAllString(text.ReplaceAllStringFunc(query, hide), ""), "\x00", "<")
	query = strings.ReplaceAll(query, "$__rate_interval", "1m")
	samples, err := p.query(t, query)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(samples, func(s sample) bool { return s.Value[1] != "NaN" }) {
		return fmt.Errorf("the result is %v", samples)
	}
	return nil
}

// answersAll reports the queries that do not answer within a time for all of them.
func (p prometheus) answersAll(t *testing.T, queries map[string]string) {
	t.Helper()
	missing := map[string]error{}
	for deadline := time.Now().Add(45 * time.Second); ; time.Sleep(time.Second) {
		clear(missing)
		for name, query := range queries {
			if err := p.answers(t, query); err != nil {
				missing[name] = err
			}
		}
		if len(missing) == 0 || time.Now().After(deadline) {
			break
		}
	}
	for name, err := range missing {
		t.Errorf("%s: %s: %v", name, queries[name], err)
	}
}

// hide keeps what is quoted from being taken for a comparison.
func hide(quoted string) string { return strings.ReplaceAll(quoted, "<", "\x00") }

// checkMetrics holds the metrics that were scraped to the documented ones, in
// both directions, and each to its labels.
func (p prometheus) checkMetrics(t *testing.T, known metrics) {
	t.Helper()
	var names []string
	if err := p.get(t, "/api/v1/label/__name__/values", nil, &names); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if known[name] == nil && regexp.MustCompile(`^(concha|http)_`).MatchString(name) {
			t.Errorf("the metric %s is not documented", name)
		}
	}
	for name, labels := range known {
		if known[name+"_count"] != nil {
			continue // a histogram, whose parts are listed too
		}
		var series []map[string]string
		if err := p.get(t, "/api/v1/series", url.Values{"match[]": {name}}, &series); err != nil {
			t.Fatal(err)
		}
		if len(series) == 0 {
			t.Errorf("the metric %s is documented and not exported", name)
		}
		for _, s := range series {
			delete(s, "__name__")
			if got, want := slices.Sorted(maps.Keys(s)), slices.Sorted(slices.Values(labels)); !slices.Equal(got, want) {
				t.Errorf("the labels of %s are %v, not %v", name, got, want)
				break
			}
		}
	}
}

var (
	promqlBlock = regexp.MustCompile("(?s)```promql\n(.*?)```")
	codeSpan    = regexp.MustCompile("`([^`\n]*\\b(?:concha|http_server|process|go)_[^`\n]*)`")
)

// runbookQueries are the queries in the chapter of alerts.
func runbookQueries(operations string) map[string]string {
	_, chapter, _ := strings.Cut(operations, "\n## Alerts\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	var lines []string
	for _, block := range promqlBlock.FindAllStringSubmatch(chapter, -1) {
		lines = append(lines, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	for _, span := range codeSpan.FindAllStringSubmatch(promqlBlock.ReplaceAllString(chapter, ""), -1) {
		lines = append(lines, span[1])
	}
	queries := map[string]string{}
	for i, line := range lines {
		queries[fmt.Sprintf("query %d of the runbooks", i+1)] = line
	}
	return queries
}
