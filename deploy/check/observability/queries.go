// Package observability checks the rules and the dashboard in
// deploy/observability: every metric and label exists, every alert has a test
// and a section in docs/operations.md.
package observability

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

type ruleFile struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Record      string            `json:"record,omitempty"`
	Alert       string            `json:"alert,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

func (f ruleFile) rules() (all []rule) {
	for _, g := range f.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// metrics are the labels of each metric, from the table in docs/operations.md.
type metrics map[string][]string

var (
	tableRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]*)\\|([^|]*)")
	quoted   = regexp.MustCompile("`([a-z_]+)`")
	heading  = regexp.MustCompile(`(?m)^##+ (.*)$`)

	text       = regexp.MustCompile(`"[^"]*"`)
	matchers   = regexp.MustCompile(`([a-zA-Z_:][\w:]*)?\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`)
	grouping   = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	identifier = regexp.MustCompile(`[a-zA-Z_:][\w:]*`)
	duration   = regexp.MustCompile(`\[[^\]]*\]|\boffset\s+\w+`)
)

var keywords = []string{"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "le"}

func documented(operations string) metrics {
	m := metrics{}
	for _, row := range tableRow.FindAllStringSubmatch(operations, -1) {
		var labels []string
		for _, l := range quoted.FindAllStringSubmatch(row[2], -1) {
			labels = append(labels, l[1])
		}
		labels = append(labels, "instance", "job")
		m[row[1]] = labels
		if strings.Contains(row[3], "histogram") {
			m[row[1]+"_bucket"] = append(slices.Clone(labels), "le")
			m[row[1]+"_count"], m[row[1]+"_sum"] = labels, labels
		}
	}
	for _, of := range []string{"process_resident_memory_bytes", "process_cpu_seconds_total", "go_goroutines"} {
		m[of] = []string{"instance", "job"}
	}
	return m
}

// check returns the metrics and labels of a query that do not exist.
func (m metrics) check(query string) (mistakes []string) {
	labels := map[string]bool{}
	bare := duration.ReplaceAllString(text.ReplaceAllString(query, `""`), "")
	collect := func(list string) {
		for _, l := range identifier.FindAllString(list, -1) {
			labels[l] = true
		}
	}
	for _, g := range matchers.FindAllStringSubmatch(bare, -1) {
		for _, l := range matcher.FindAllStringSubmatch(g[2], -1) {
			labels[l[1]] = true
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(bare, -1) {
		collect(g[1])
	}
	bare = grouping.ReplaceAllString(matchers.ReplaceAllString(bare, "$1"), "")
	known := map[string]bool{}
	for _, at := range identifier.FindAllStringIndex(bare, -1) {
		name := bare[at[0]:at[1]]
		if rest := strings.TrimSpace(bare[at[1]:]); strings.HasPrefix(rest, "(") || slices.Contains(keywords, name) || at[0] > 0 && bare[at[0]-1] >= '0' && bare[at[0]-1] <= '9' {
			continue // a function, an operator, or the exponent of a number
		}
		if m[name] == nil {
			mistakes = append(mistakes, fmt.Sprintf("no metric %s", name))
		}
		for _, l := range m[name] {
			known[l] = true
		}
	}
	for _, l := range slices.Sorted(maps.Keys(labels)) {
		if !known[l] {
			mistakes = append(mistakes, fmt.Sprintf("no label %s in %s", l, strings.TrimSpace(query)))
		}
	}
	return mistakes
}

const runbooks = "https://github.com/concha-labs/backend/blob/main/docs/operations.md#"

// checkRules returns the mistakes in the rules that promtool does not find:
// the rules themselves, their tests, and the document that explains them.
func checkRules(rules, tests, operations string) (mistakes []string, queries map[string]string) {
	var file ruleFile
	if err := yaml.UnmarshalStrict([]byte(rules), &file); err != nil {
		return []string{err.Error()}, nil
	}
	known, queries := documented(operations), map[string]string{}
	recorded := map[string]string{} // expressions without their window, by name without it
	for _, r := range file.rules() {
		if r.Record == "" {
			continue
		}
		known[r.Record] = []string{"instance"}
		name, window, _ := strings.Cut(r.Record, "_rate")
		expr := strings.ReplaceAll(r.Expr, "["+window+"]", "")
		if recorded[name] == "" {
			recorded[name] = expr
		} else if recorded[name] != expr {
			mistakes = append(mistakes, r.Record+": it differs from the other windows in more than the window")
		}
	}
	anchors := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(operations, -1) {
		anchors[strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")] = true
	}
	for _, r := range file.rules() {
		name := r.Record + r.Alert
		report := func(format string, args ...any) {
			mistakes = append(mistakes, name+": "+fmt.Sprintf(format, args...))
		}
		if queries[name] != "" {
			report("there are two")
		}
		queries[name] = r.Expr
		for _, mistake := range known.check(r.Expr) {
			report("%s", mistake)
		}
		if r.Alert == "" {
			continue
		}
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			report("the severity is %q, not page or ticket", s)
		}
		if r.Annotations["summary"] == "" {
			report("it has no summary")
		}
		if anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbooks); !ok || !anchors[anchor] {
			report("no section %s", r.Annotations["runbook_url"])
		}
		for _, used := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(r.Annotations["summary"], -1) {
			if !strings.Contains(r.Expr, used[1]) && used[1] != "instance" {
				report("its summary names the label %s, which its result does not have", used[1])
			}
		}
		if strings.Count(tests, "alertname: "+r.Alert+"\n") == 0 || !regexp.MustCompile(`alertname: `+r.Alert+`\n\s+exp_alerts:\n`).MatchString(tests) {
			report("no test in which it fires")
		}
	}
	return mistakes, queries
}

// checkDashboard returns the mistakes in the queries of a dashboard.
func checkDashboard(dashboard []byte, operations, rules string) (mistakes []string, queries map[string]string) {
	var file ruleFile
	var d struct {
		Panels []struct {
			Title, Type string
			Targets     []json.RawMessage
		}
	}
	if err := errors.Join(yaml.Unmarshal([]byte(rules), &file), json.Unmarshal(dashboard, &d)); err != nil {
		return []string{err.Error()}, nil
	}
	known, queries := documented(operations), map[string]string{}
	for _, r := range file.rules() {
		if r.Record != "" {
			known[r.Record] = []string{}
		}
	}
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			mistakes = append(mistakes, p.Title+": no query")
		}
		for i, text := range p.Targets {
			var target struct {
				RefID, Expr, LegendFormat string
				Exemplar                  bool
			}
			decoder := json.NewDecoder(bytes.NewReader(text))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&target); err != nil {
				mistakes = append(mistakes, p.Title+": "+err.Error())
			}
			queries[fmt.Sprintf("%s %d", p.Title, i+1)] = target.Expr
			for _, mistake := range known.check(target.Expr) {
				mistakes = append(mistakes, p.Title+": "+mistake)
			}
		}
	}
	return mistakes, queries
}
