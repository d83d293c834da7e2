package sqlitedb_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// writeCalls returns the number of system calls of this process that have written.
func writeCalls(t *testing.T) (n int) {
	t.Helper()
	content, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	_, counts, _ := bytes.Cut(content, []byte("syscw: "))
	if _, err := fmt.Sscan(string(counts), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCommitIsWrittenInLargePieces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	db := open(t, path, schema)
	begun := size(t, path+"-wal")
	before := writeCalls(t)
	exec(t, db, insertLong(500))
	calls, pages := writeCalls(t)-before, (size(t, path+"-wal")-begun)/4096
	if pages < 500 || calls > int(pages)/10 {
		t.Errorf("%d calls write %d pages", calls, pages)
	}
}
