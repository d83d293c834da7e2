package observability

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/concha-labs/backend/deploy/check/internal/repo"
)

const (
	rulesFile     = "deploy/observability/rules.yaml"
	testsFile     = "deploy/observability/rules_test.yaml"
	dashboardFile = "deploy/observability/dashboard.json"
	document      = "docs/operations.md"
)

// ruleFindings are the mistakes that checkRules finds or, if there are none,
// promtool, which takes seconds.
func ruleFindings(t *testing.T, rules, tests string) string {
	t.Helper()
	if mistakes, _ := checkRules(rules, tests, repo.Read(t, document)); len(mistakes) > 0 {
		return strings.Join(mistakes, "\n")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"rules.yaml": rules, "rules_test.yaml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var mistakes []string
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			mistakes = append(mistakes, string(out))
		}
	}
	return strings.Join(mistakes, "\n")
}

func TestRules(t *testing.T) {
	if found := ruleFindings(t, repo.Read(t, rulesFile), repo.Read(t, testsFile)); found != "" {
		t.Error(found)
	}
}

// TestRuleMistakes makes one mistake at a time: each must be found.
func TestRuleMistakes(t *testing.T) {
	for name, m := range map[string]struct{ old, new, want string }{
		"metric that does not exist":      {"(concha_relay_shards) < 16", "(concha_relay_shard) < 16", "no metric concha_relay_shard"},
		"metric in place of its count":    {"sum(rate(http_server_request_duration_seconds_count{", "sum(rate(http_server_requests_total{", "no metric http_server_requests_total"},
		"label that does not exist":       {`reason="unauthenticated"`, `cause="unauthenticated"`, "no label cause"},
		"grouped by a label that is none": {"max by (log)", "max by (shard)", "no label shard"},
		"OpenTelemetry's label":           {`status=~"5.."`, `http_response_status_code=~"5.."`, "no label http_response_status_code"},
		"bucket that is none":             {`le="0.5"`, `le="0.6"`, "differs"},
		"runbook that is not there":       {"operations.md#events-late", "operations.md#late-events", "no section"},
		"runbook elsewhere":               {"docs/operations.md#disk", "docs/runbook.md#disk", "no section"},
		"no runbook":                      {"          runbook_url: " + runbooks + "disk\n", "", "no section"},
		"unknown severity":                {"severity: page", "severity: critical", "severity"},
		"threshold":                       {"> 60\n        for: 2m", "> 6000\n        for: 2m", "ConchaEventsLate"},
		"comparison the wrong way":        {"(concha_relay_shards) < 16", "(concha_relay_shards) > 16", "ConchaShardWithoutOwner"},
		"too patient":                     {"        for: 2m\n        labels:\n          severity: page\n        annotations:\n          summary: \"The oldest", "        for: 2h\n        labels:\n          severity: page\n        annotations:\n          summary: \"The oldest", "ConchaEventsLate"},
		"syntax":                          {"max by (log) (", "max by (log) ((", "parse error"},
		"misspelt field":                  {"annotations:", "annotation:", "unknown field"},
		"label that its result lacks":     {"max by (log) (concha_relay", "max(concha_relay", "label log"},
		"probes count":                    {`route!~"/livez|/readyz", status=~"5.."`, `status=~"5.."`, "differs"},
		"services count":                  {`{service="gateway", route!~"/livez|/readyz", status=~"5.."}`, `{route!~"/livez|/readyz", status=~"5.."}`, "differs"},
		"windows swapped":                 {"concha:errors:ratio_rate1h > 14.4 * 0.001", "concha:errors:ratio_rate1h > 14.4 * 0.1", "ConchaErrorsFast"},
		"alert without a test":            {"alert: ConchaDiskFull", "alert: ConchaDiskIsFull", "no test"},
		"recorded under another name":     {"record: concha:slow:ratio_rate6h", "record: concha:slow:ratio_6h", "no metric concha:slow:ratio_rate6h"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := repo.Read(t, rulesFile)
			if !strings.Contains(rules, m.old) {
				t.Fatalf("the rules have no %q", m.old)
			}
			if found := ruleFindings(t, strings.Replace(rules, m.old, m.new, 1), repo.Read(t, testsFile)); !strings.Contains(found, m.want) {
				t.Errorf("found:\n%s\nwant: %s", found, m.want)
			}
		})
	}
}

// dashboardFindings are those of Grafana's own types and of checkDashboard.
func dashboardFindings(t *testing.T, text string) string {
	t.Helper()
	mistakes, _ := checkDashboard([]byte(text), repo.Read(t, document), repo.Read(t, rulesFile))
	var d dashboard.Dashboard
	if err := d.UnmarshalJSONStrict([]byte(text)); err != nil {
		mistakes = append(mistakes, err.Error())
	} else if err := d.Validate(); err != nil {
		mistakes = append(mistakes, err.Error())
	}
	return strings.Join(mistakes, "\n")
}

func TestDashboard(t *testing.T) {
	if found := dashboardFindings(t, repo.Read(t, dashboardFile)); found != "" {
		t.Error(found)
	}
}

func TestDashboardMistakes(t *testing.T) {
	for name, m := range map[string]struct{ old, new, want string }{
		"misspelt field":             {`"gridPos"`, `"gridPosition"`, "gridPosition"},
		"misspelt field of a query":  {`"legendFormat"`, `"legend"`, "legend"},
		"metric that does not exist": {"concha_open_streams", "concha_streams", "no metric concha_streams"},
		"label that does not exist":  {"sum by (log, kind)", "sum by (log, type)", "no label type"},
		"no JSON":                    {`"panels"`, `panels`, "invalid character"},
	} {
		t.Run(name, func(t *testing.T) {
			if text := repo.Read(t, dashboardFile); !strings.Contains(text, m.old) {
				t.Fatalf("the dashboard has no %q", m.old)
			} else if found := dashboardFindings(t, strings.Replace(text, m.old, m.new, 1)); !strings.Contains(found, m.want) {
				t.Errorf("found:\n%s\nwant: %s", found, m.want)
			}
		})
	}
}
