// Command scale calculates the cost of writes on the cloud adapters from the
// migrations: rows and index entries, hot spots, Spanner nodes, storage, and
// dollars. docs/scale.md has its output. A simulation in its test draws random
// writes and checks the model.
//
//	go run ./bench/scale [-node 0.90] ...
//
// It runs in the root of the repository.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
)

func main() {
	var p prices
	p.flags(flag.CommandLine)
	flag.Parse()
	out := bufio.NewWriter(os.Stdout)
	err := report(out, os.DirFS("."), p)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}
