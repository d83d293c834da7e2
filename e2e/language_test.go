package e2e

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// vague matches words that usually mark a comment which does not name its
// subject.
var vague = regexp.MustCompile(`(?i)\b(what|tells?|told|none of|for ever)\b`)

// Comments name their subjects: of 1,000 words in comments, at most two are
// vague. Generated code does not count.
func TestCommentsNameTheirSubjects(t *testing.T) {
	words, found := 0, []string(nil)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && len(entry.Name()) > 2):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".gen.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var s scanner.Scanner
		s.Init(token.NewFileSet().AddFile(path, -1, len(source)), source, nil, scanner.ScanComments)
		for {
			_, kind, text := s.Scan()
			if kind == token.EOF {
				return nil
			}
			if kind == token.COMMENT && !strings.HasPrefix(text, "//nolint") && !strings.HasPrefix(text, "//go:") {
				words += len(strings.Fields(text))
				if vague.MatchString(text) {
					found = append(found, path+": "+text)
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if words == 0 || len(found)*1000 > 2*words {
		t.Errorf("%d of %d words are vague; rewrite some of these comments:\n%s", len(found), words, strings.Join(found, "\n"))
	}
}
