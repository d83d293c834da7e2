package settings

import (
	"regexp"
	"slices"
	"strings"
)

// serviceLink matches the variables that Kubernetes sets for each Service of a
// namespace, whose name may begin with concha.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_\w+)?$|_PORT(_\d+_(TCP|UDP)(_\w+)?)?$`)

// strangers returns the names in environ that begin with CONCHA_ and are not
// among vars, sorted, each with the variable that it resembles, if there is one.
func strangers(vars []variable, environ []string) (found []string) {
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		known := slices.ContainsFunc(vars, func(v variable) bool { return v.name == name })
		if known || value == "" || !strings.HasPrefix(name, "CONCHA_") || serviceLink.MatchString(name) {
			continue
		}
		if near := nearest(name, vars); near != "" {
			name += " (is " + near + " meant?)"
		}
		found = append(found, name)
	}
	slices.Sort(found)
	return found
}

// nearest returns the variable that name becomes by the fewest edits, or "" if
// each takes more than a third of its letters.
func nearest(name string, vars []variable) (near string) {
	fewest := (len(name) - len("CONCHA_")) / 3
	for _, v := range vars {
		if n := edits(name, v.name); n <= fewest {
			near, fewest = v.name, n-1
		}
	}
	return near
}

// edits returns the Levenshtein distance of two ASCII strings.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
