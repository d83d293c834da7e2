// Package eventcmd looks at the events of a running server through its API, and
// publishes them again.
package eventcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/concha-labs/backend/pkg/bus/pubsubbus"
	"github.com/concha-labs/backend/pkg/logging"
	"github.com/concha-labs/backend/pkg/settings"
)

// Command is the command line's part.
var Command = settings.Command{
	Name: "events", Args: "tail|replay|snapshot accounts|audios [flags]",
	About: "follow the feed of a running server, publish a part of it again, or print what there is",
}

// Config is what the environment tells the command.
type Config struct {
	NoColor            string `env:"NO_COLOR" desc:"anything: events tail prints no colours on a terminal"`
	EventsTopic        string `env:"CONCHA_EVENTS_TOPIC" desc:"a topic of a service, which events replay refuses as it does account-events-v1 and audio-events-v1"`
	AccountEventsTopic string `env:"CONCHA_ACCOUNT_EVENTS_TOPIC" desc:"another that events replay refuses"`
}

const usage = `Usage:
  concha events tail accounts|audios      follow the feed
  concha events replay accounts|audios    publish events of the feed again, to a topic of their own
  concha events snapshot accounts|audios  print what there is, one JSON object a line; the last line is
                                          {"feed_cursor": "…"}, from where "tail --after" goes on
Each takes --help.
`

// Run carries out the command and returns the exit code: 1 if it failed, 2 if
// the arguments are wrong.
func Run(args []string, cfg Config) int {
	do, err := parse(args, os.Stdout, cfg)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "events:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := do(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "events %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

// parse returns what the arguments ask for. It fails with flag.ErrHelp if that
// is help, which it has printed.
func parse(args []string, stdout *os.File, cfg Config) (do func(context.Context) error, err error) {
	if len(args) == 0 {
		return nil, errors.New("say what to do: tail, replay or snapshot (--help tells more)")
	}
	f := &flagSet{FlagSet: flag.NewFlagSet("concha events "+args[0], flag.ContinueOnError)}
	f.SetOutput(io.Discard)
	f.StringVar(&f.origin, "url", "http://localhost:8080", "`origin` of the server")
	switch args[0] {
	case "tail":
		return parseTail(f, args[1:], stdout, cfg)
	case "replay":
		return parseReplay(f, args[1:], stdout, cfg)
	case "snapshot":
		if err := f.parse(args[1:], stdout); err != nil {
			return nil, err
		}
		s := snapshot{source: f.source, out: stdout, progress: newProgress(os.Stderr)}
		return s.run, nil
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return nil, flag.ErrHelp
	default:
		return nil, fmt.Errorf("%q is not tail, replay or snapshot", args[0])
	}
}

func parseTail(f *flagSet, args []string, stdout *os.File, cfg Config) (func(context.Context) error, error) {
	t := tail{firstWait: time.Second, diagnostics: os.Stderr}
	f.time(&t.since, "since", "begin at this `time`: in RFC 3339, or how long ago, as in 90s, 10m, 24h (default: now)")
	f.StringVar(&t.after, "after", "", "begin behind this `cursor`, the attribute of an event or the last line of a snapshot")
	f.subjectVar()
	f.BoolVar(&t.printer.json, "json", false, "print the events themselves, one a line")
	if err := f.parse(args, stdout); err != nil {
		return nil, err
	}
	if !t.since.IsZero() && t.after != "" {
		return nil, errors.New("take --since or --after, not both")
	}
	t.source, t.subject = f.source, f.subject
	t.printer.out, t.printer.color = stdout, cfg.NoColor == "" && logging.IsTerminal(stdout)
	return t.run, nil
}

// isLive reports whether a service publishes to a topic, as far as can be known
// here. Its subscribers did not ask for a replay, and what is interleaved with
// new events is out of order.
func (cfg Config) isLive(topic string) bool {
	return slices.Contains([]string{"account-events-v1", "audio-events-v1", cfg.EventsTopic, cfg.AccountEventsTopic}, topic)
}

func parseReplay(f *flagSet, args []string, stdout *os.File, cfg Config) (func(context.Context) error, error) {
	r := replay{progress: newProgress(os.Stderr)}
	f.time(&r.from, "from", "publish what was committed at this `time` or later: in RFC 3339, or how long ago, as in 90s, 10m, 24h")
	f.time(&r.to, "to", "and before this `time` (default: now)")
	f.StringVar(&r.after, "after", "", "go on behind this `cursor`, instead of --from")
	topic := f.String("topic", "", "the `id` of the topic, which must exist")
	project := f.String("project", "", "the Google Cloud `project` of the topic")
	f.subjectVar()
	if err := f.parse(args, stdout); err != nil {
		return nil, err
	}
	r.source, r.subject = f.source, f.subject
	if r.to.IsZero() {
		r.to = time.Now()
	}
	switch {
	case *topic == "" || *project == "":
		return nil, errors.New("say where to publish: --project and --topic")
	case strings.Contains(*topic, "/"):
		return nil, errors.New("--topic takes an id, and --project its project")
	case cfg.isLive(*topic):
		return nil, fmt.Errorf("%s is a live topic, whose subscribers would take old events for new ones: make a topic for the replay", *topic)
	case r.from.IsZero() == (r.after == ""):
		return nil, errors.New("say where to begin: --from or --after")
	case !r.from.Before(r.to):
		return nil, errors.New("--to must be after --from")
	}
	return func(ctx context.Context) error {
		client, err := pubsubbus.Connect(ctx, *project)
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		r.publisher = pubsubbus.NewPublisher(client, *topic)
		return r.run(ctx)
	}, nil
}

// flagSet has the flags that verbs share, and the collection, which may stand
// before and behind flags.
type flagSet struct {
	*flag.FlagSet
	origin  string
	source  source
	subject string
}

func (f *flagSet) subjectVar() {
	f.StringVar(&f.subject, "subject", "", "only the events of this `subject`, as in account/123")
}

func (f *flagSet) time(t *time.Time, name, usage string) {
	f.Func(name, usage, func(text string) (err error) {
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

func (f *flagSet) parse(args []string, stdout io.Writer) error {
	err := f.Parse(args)
	if err == nil && f.NArg() > 0 {
		f.source.collection = f.Arg(0)
		err = f.Parse(f.Args()[1:])
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: %s accounts|audios [flags]\n", f.Name())
		f.SetOutput(stdout)
		f.PrintDefaults()
		return err
	case err != nil:
		return err
	case f.source.collection != "accounts" && f.source.collection != "audios":
		return errors.New("say which events: accounts or audios")
	case f.NArg() > 0:
		return fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if f.subject != "" {
		if _, err := f.source.id(f.subject); err != nil {
			return fmt.Errorf("--%w", err)
		}
	}
	origin, err := url.Parse(f.origin)
	if err != nil || origin.Host == "" || origin.Scheme != "http" && origin.Scheme != "https" {
		return errors.New("--url must be an origin as in http://localhost:8080")
	}
	f.source, err = newSource(f.origin, f.source.collection)
	return err
}
