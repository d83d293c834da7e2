package background_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
)

func app(t *testing.T, loop func(context.Context) error) *fxtest.App {
	t.Helper()
	return fxtest.New(t, fx.Invoke(func(lc fx.Lifecycle, shutdown fx.Shutdowner) {
		background.Run(lc, shutdown, zap.NewNop(), "test", loop)
	}))
}

func TestStopEndsTheLoopAndWaitsForIt(t *testing.T) {
	running, ended := make(chan struct{}), false
	a := app(t, func(ctx context.Context) error {
		close(running)
		<-ctx.Done()
		ended = true
		return nil
	})
	a.RequireStart()
	<-running
	a.RequireStop()
	if !ended {
		t.Error("the app stopped before its loop")
	}
}

func TestALoopThatDiesTakesTheProcessDown(t *testing.T) {
	for name, err := range map[string]error{"with an error": errors.New("boom"), "without one": nil} {
		t.Run(name, func(t *testing.T) {
			a := app(t, func(context.Context) error { return err })
			a.RequireStart()
			defer a.RequireStop()
			select {
			case signal := <-a.Wait():
				if signal.ExitCode != 1 {
					t.Errorf("exit code %d, want 1", signal.ExitCode)
				}
			case <-time.After(5 * time.Second):
				t.Error("the app goes on")
			}
		})
	}
}

func TestALoopThatDoesNotEndHoldsUpTheStopForAWhileOnly(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	a := app(t, func(context.Context) error {
		<-hang
		return nil
	})
	a.RequireStart()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := a.Stop(ctx); err == nil {
		t.Error("Stop says nothing of the loop that hangs")
	}
}
