package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/events"
	"github.com/concha-labs/backend/pkg/logging"
)

// config holds the settings of the commands.
type config struct {
	Token              string `env:"CONCHA_TOKEN" desc:"API key or JWT that is sent to the server"`
	NoColor            string `env:"NO_COLOR" desc:"anything: events tail prints no colours on a terminal"`
	EventsTopic        string `env:"CONCHA_EVENTS_TOPIC" desc:"a live topic, which events replay refuses as it does account-events-v1 and audio-events-v1"`
	AccountEventsTopic string `env:"CONCHA_ACCOUNT_EVENTS_TOPIC" desc:"another live topic, which events replay refuses"`
	DataDir            string `env:"CONCHA_DATA_DIR" envDefault:"./data" desc:"folder that backup reads and restore fills"`
}

// isLive reports whether a service publishes to a topic, as far as this program
// knows. The subscribers of a live topic did not ask for a replay, and events
// that are interleaved with new ones are out of order.
func (cfg config) isLive(topic string) bool {
	return slices.Contains([]string{events.AccountsTopic, events.AudiosTopic, cfg.EventsTopic, cfg.AccountEventsTopic}, topic)
}

// selection is the events that a command works on.
type selection struct {
	server  server
	source  source
	subject string // "": all
}

// choose checks the flags that the commands share and makes the source.
func (s *selection) choose(collection string) (err error) {
	if err := s.server.check(); err != nil {
		return err
	}
	if s.source, err = newSource(s.server, collection); err != nil || s.subject == "" {
		return err
	}
	if _, err = s.source.id(s.subject); err != nil {
		return fmt.Errorf("--%w", err)
	}
	return nil
}

func (s *selection) subjectFlag(flags *pflag.FlagSet) {
	flags.StringVar(&s.subject, "subject", "", "only the events of this `subject`, as in account/123")
}

func newEvents(cfg config) *cobra.Command {
	cmd := group(&cobra.Command{Use: "events", Short: "Follow the feed, publish a part of it again, or print all resources"})
	chosen := &selection{server: newServer(cfg)}
	chosen.server.flag(cmd.PersistentFlags())
	cmd.AddCommand(newTail(chosen, cfg), newReplay(chosen, cfg), newSnapshot(chosen))
	return cmd
}

func newTail(chosen *selection, cfg config) *cobra.Command {
	t := tail{firstWait: time.Second, diagnostics: os.Stderr}
	cmd := &cobra.Command{
		Use: "tail accounts|audios", Short: "Follow the feed", Args: oneCollection,
		Long: "Follow the feed and print a line for each event.\n\nOn a terminal the lines are coloured, unless NO_COLOR is set.",
		PreRunE: func(cmd *cobra.Command, args []string) error {
			if !t.since.IsZero() && t.after != "" {
				return errors.New("take --since or --after, not both")
			}
			err := chosen.choose(args[0])
			t.source, t.subject = chosen.source, chosen.subject
			t.printer.out, t.printer.color = cmd.OutOrStdout(), cfg.NoColor == "" && logging.IsTerminal(os.Stdout)
			return err
		},
		RunE: work(t.run),
	}
	timeFlag(cmd.Flags(), &t.since, "since", "begin at this `time`: in RFC 3339, or how long ago, as in 90s, 10m, 24h (default: now)")
	cmd.Flags().StringVar(&t.after, "after", "", "begin behind this `cursor`, the attribute of an event or the last line of a snapshot")
	cmd.Flags().BoolVar(&t.printer.json, "json", false, "print the events themselves, one a line")
	chosen.subjectFlag(cmd.Flags())
	return cmd
}

func newSnapshot(chosen *selection) *cobra.Command {
	s := snapshot{progress: newProgress(os.Stderr)}
	return &cobra.Command{
		Use: "snapshot accounts|audios", Short: "Print all resources", Args: oneCollection,
		Long: `Print all resources, one JSON object a line. The last line is {"feed_cursor": "…"}: "tail --after" goes on from it.`,
		PreRunE: func(cmd *cobra.Command, args []string) error {
			err := chosen.choose(args[0])
			s.source, s.out = chosen.source, cmd.OutOrStdout()
			return err
		},
		RunE: work(s.run),
	}
}

func newReplay(chosen *selection, cfg config) *cobra.Command {
	r := replay{progress: newProgress(os.Stderr)}
	var topic, project string
	cmd := &cobra.Command{
		Use: "replay accounts|audios", Short: "Publish a part of the feed again, to a topic of its own", Args: oneCollection,
		PreRunE: func(_ *cobra.Command, args []string) error {
			if r.to.IsZero() {
				r.to = time.Now()
			}
			switch {
			case topic == "" || project == "":
				return errors.New("say where to publish: --project and --topic")
			case strings.Contains(topic, "/"):
				return errors.New("--topic takes an id, and --project its project")
			case cfg.isLive(topic):
				return fmt.Errorf("%s is a live topic, whose subscribers would take old events for new ones: make a topic for the replay", topic)
			case r.from.IsZero() == (r.after == ""):
				return errors.New("say where to begin: --from or --after")
			case !r.from.Before(r.to):
				return errors.New("--to must be after --from")
			}
			err := chosen.choose(args[0])
			r.source, r.subject = chosen.source, chosen.subject
			return err
		},
		RunE: work(func(ctx context.Context) error {
			client, err := pubsubbus.Connect(ctx, project, "")
			if err != nil {
				return err
			}
			defer func() { _ = client.Close() }()
			r.publisher = pubsubbus.NewPublisher(client, topic)
			return r.run(ctx)
		}),
	}
	flags := cmd.Flags()
	timeFlag(flags, &r.from, "from", "publish the events committed at this `time` or later: in RFC 3339, or how long ago, as in 90s, 10m, 24h")
	timeFlag(flags, &r.to, "to", "and before this `time` (default: now)")
	flags.StringVar(&r.after, "after", "", "go on behind this `cursor`, instead of --from")
	flags.StringVar(&topic, "topic", "", "the `id` of the topic, which must exist")
	flags.StringVar(&project, "project", "", "the Google Cloud `project` of the topic")
	chosen.subjectFlag(flags)
	return cmd
}

func timeFlag(flags *pflag.FlagSet, t *time.Time, name, usage string) {
	flags.Func(name, usage, func(text string) (err error) {
		if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
			*t = time.Now().Add(-ago)
			return nil
		}
		if *t, err = time.Parse(time.RFC3339, text); err != nil {
			return errors.New("not a time as in 2026-11-23T16:00:00Z, nor how long ago as in 10m")
		}
		return nil
	})
}
