package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

const (
	wrongKeys   = "wrong-keys"
	wrongKeyAll = 100_000
	// apart is the t value from which two kinds of keys count as told apart by
	// the time of their answers.
	apart = 4.5
)

// wrongKeyKinds makes keys of the kinds that an attacker would like to tell
// apart: the last one was valid once. All are of one length.
var wrongKeyKinds = []struct {
	name string
	of   func(c *credentials, r *rand.Rand) string
}{
	{"unknown id", func(c *credentials, r *rand.Rand) string {
		return "Bearer concha_" + randomText(r, len("expired")) + c.expired[len("Bearer concha_expired"):]
	}},
	{"another secret", func(c *credentials, r *rand.Rand) string {
		const begin = "Bearer concha_expired_"
		return begin + randomText(r, len(c.expired)-len(begin))
	}},
	{"expired", func(c *credentials, _ *rand.Rand) string { return c.expired }},
}

func randomText(r *rand.Rand, length int) string {
	var text strings.Builder
	for range length {
		text.WriteByte('A' + byte(r.IntN(26)))
	}
	return text.String()
}

// measureWrongKeys sends wrong keys in random order, each from an address of its
// own, as addresses with several refused keys are limited. It prints the times
// of the answers and the memory of the gateway.
func measureWrongKeys(ctx context.Context, s *side, known *credentials) error {
	c, err := dial(ctx, s.server.addr)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	times := make([][]float64, len(wrongKeyKinds)) // µs
	before, _ := s.server.memory()
	begun := time.Now()
	for n := range wrongKeyAll {
		kind := random.IntN(len(wrongKeyKinds))
		address := fmt.Sprintf("10.%d.%d.%d", n>>16&255, n>>8&255, n&255)
		request := []byte("GET /v1/accounts/1" + head + "X-Forwarded-For: " + address + "\r\nAuthorization: " + wrongKeyKinds[kind].of(known, random) + "\r\n\r\n")
		start := time.Now()
		err := c.roundTrip(request)
		took := time.Since(start)
		if refusal, ok := errors.AsType[statusError](err); !ok || refusal.status != "401" {
			return fmt.Errorf("a key with %s is answered %w", wrongKeyKinds[kind].name, err)
		}
		times[kind] = append(times[kind], float64(took)/float64(time.Microsecond))
	}
	took := time.Since(begun)
	s.server.settle(ctx)
	after, peak := s.server.memory()
	fmt.Printf("\n%d wrong keys from as many addresses in %s s; memory MB: before %s, after %s, peak %s\n",
		wrongKeyAll, strconv.FormatFloat(took.Seconds(), 'f', 1, 64), megabytes(before), megabytes(after), megabytes(peak))
	printWrongKeys(os.Stdout, times)
	return nil
}

// printWrongKeys prints how the kinds of keys differ from the last one. The
// slowest tenth of all answers is left out: it is the machine's noise.
func printWrongKeys(out io.Writer, times [][]float64) {
	all := slices.Sorted(slices.Values(slices.Concat(times...)))
	most := all[len(all)*9/10]
	kept := make([][]float64, len(times))
	for i, some := range times {
		kept[i] = slices.DeleteFunc(slices.Clone(some), func(t float64) bool { return t > most })
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "wrong key\tanswers\tmean us\tmedian us\tt of the difference from expired (apart from %.1f)\t\n", apart)
	expired := kept[len(kept)-1]
	for i, some := range kept {
		mean, _ := meanOf(some)
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.1f\t\n", wrongKeyKinds[i].name, len(times[i]), mean, median(some), welch(some, expired))
	}
	_ = w.Flush()
}

// meanOf returns the mean of values and its squared standard error.
func meanOf(values []float64) (mean, squaredError float64) {
	for _, v := range values {
		mean += v
	}
	n := float64(len(values))
	mean /= n
	for _, v := range values {
		squaredError += (v - mean) * (v - mean)
	}
	return mean, squaredError / (n - 1) / n
}

// welch returns Welch's t of the difference between two samples.
func welch(a, b []float64) float64 {
	meanA, errorA := meanOf(a)
	meanB, errorB := meanOf(b)
	return (meanA - meanB) / math.Sqrt(errorA+errorB)
}
