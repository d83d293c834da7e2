package httpserver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/concha-labs/backend/pkg/settings"
)

// ReadyCommand asks the process that serves on PORT whether it is ready. It is
// the health check of images that contain only the binary.
var ReadyCommand = settings.Command{
	Name: "ready", About: "exit 0 if the process that serves on PORT is ready, else 1",
	Uses: []string{"PORT"},
}

// RunReady runs ReadyCommand and returns the exit code.
func RunReady(port int) (exitCode int) {
	if err := askReady(port); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "not ready:", err)
		return 1
	}
	return 0
}

func askReady(port int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*CheckTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/readyz", port), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	return nil
}
