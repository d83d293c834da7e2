package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestReceiveTimesEachEventOfAStream(t *testing.T) {
	commit := time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)
	event := fmt.Sprintf("id: x\nevent: concha.account.created.v1\ndata: {\"id\":\"account/1/1\",\"time\":%q}\n\n", commit.Format(time.RFC3339Nano))
	arrivals := make(chan arrival, 3)
	if err := receive(strings.NewReader("retry: 1000\n\n"+event+": \nid: y\n\n"+event), arrivals); !errors.Is(err, io.EOF) {
		t.Errorf("the end of the stream is %v", err)
	}
	if len(arrivals) != 2 {
		t.Fatalf("%d events came, want 2", len(arrivals))
	}
	if a := <-arrivals; !a.commit.Equal(commit) || a.after < time.Minute || a.after > 2*time.Minute {
		t.Errorf("committed at %v, came %v later", a.commit, a.after)
	}
	if err := receive(strings.NewReader("data: {\n"), arrivals); err == nil {
		t.Error("broken data is taken")
	}
}
