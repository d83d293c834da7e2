package background_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/background"
)

func app(t *testing.T, add func(*background.Group)) *fxtest.App {
	t.Helper()
	return fxtest.New(t, fx.Supply(zap.NewNop()), fx.Module("service", fx.Invoke(add)), background.Module())
}

func TestStopEndsWhatPublishesBeforeWhatReceives(t *testing.T) {
	ended := make(chan string, 3)
	untilDone := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			<-ctx.Done()
			ended <- name
			return nil
		}
	}
	a := app(t, func(g *background.Group) {
		g.Go(background.Receiving, "subscriber", untilDone("receiving"))
		g.Go(background.Publishing, "relay", untilDone("publishing"))
		g.Go(background.Publishing, "another relay", untilDone("publishing"))
	})
	a.RequireStart()
	a.RequireStop()
	for _, want := range []string{"publishing", "publishing", "receiving"} {
		if got := <-ended; got != want {
			t.Errorf("%s ended, want %s first", got, want)
		}
	}
}

func TestALoopThatDiesTakesTheProcessDown(t *testing.T) {
	for name, err := range map[string]error{"with an error": errors.New("boom"), "without one": nil} {
		t.Run(name, func(t *testing.T) {
			a := app(t, func(g *background.Group) {
				g.Go(background.Publishing, "test", func(context.Context) error { return err })
			})
			a.RequireStart()
			defer a.RequireStop()
			select {
			case signal := <-a.Wait():
				if signal.ExitCode != 1 {
					t.Errorf("exit code %d, want 1", signal.ExitCode)
				}
			case <-time.After(30 * time.Second):
				t.Error("the app goes on")
			}
		})
	}
}

func TestLoopsThatDoNotEndHoldUpTheStopForAWhileOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		a := app(t, func(g *background.Group) {
			for _, name := range []string{"one", "two"} {
				g.Go(background.Publishing, name, func(context.Context) error { <-hang; return nil })
				g.Go(background.Receiving, name, func(context.Context) error { <-hang; return nil })
			}
		})
		a.RequireStart()
		began := time.Now()
		err := a.Stop(t.Context())
		if err == nil || !strings.Contains(err.Error(), "one") || !strings.Contains(err.Error(), "two") {
			t.Errorf("Stop = %v, want the names of the loops that hang", err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Stop took %v, want at most 2 s and 3 s for the stages", took)
		}
		close(hang)
	})
}

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		a := app(t, func(g *background.Group) {
			g.Every(time.Hour, "task", func(context.Context) (int64, error) {
				runs.Add(1)
				return 1, errors.New("failed")
			})
		})
		a.RequireStart()
		synctest.Wait()
		if n := runs.Load(); n != 0 {
			t.Errorf("%d runs at the start, want none: requests come first", n)
		}
		time.Sleep(2*time.Hour + time.Minute)
		a.RequireStop()
		if n := runs.Load(); n != 3 {
			t.Errorf("%d runs in two hours, want 3", n)
		}
	})
}
