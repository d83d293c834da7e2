package settings

import (
	"errors"
	"net/url"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"

	"github.com/concha-labs/backend/pkg/logging"
)

type storage struct {
	Backend  string `env:"CONCHA_BACKEND" envDefault:"gcp" desc:"where to keep things"`
	Database string `env:"CONCHA_DB" desc:"where the rows are"`
}

func (s storage) Validate() []Problem {
	var problems []Problem
	if s.Backend == "gcp" && s.Database == "" {
		problems = append(problems, Problem{"CONCHA_DB", "is required when CONCHA_BACKEND=gcp"})
	}
	return problems
}

type config struct {
	Process
	Storage storage
	Limits  struct {
		Writes  int  `env:"CONCHA_MAX_WRITES" envDefault:"0" desc:"0: no limit"`
		Verbose bool `env:"CONCHA_VERBOSE" desc:"say more"`
	}
	Upstream url.URL `env:"CONCHA_URL" desc:"of the service behind"`
	Unset    string
}

func load(t *testing.T, args []string, environ ...string) (cfg config, command string, exitCode int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	l := loader{
		program: "accounts", about: "keeps accounts",
		commands: []Command{
			serve,
			{Name: "migrate", About: "bring the schema up to date"},
			{Name: "shards", Argument: "NUMBER", About: "have more of them"},
			{Name: "ready", About: "ask whether it is ready", Uses: []string{"PORT"}},
		},
		stdout: &out, stderr: &errs,
	}
	command, exitCode, done := l.parse(&cfg, args, environ)
	if !done {
		exitCode = -1
	}
	return cfg, command, exitCode, out.String(), errs.String()
}

func TestParseTakesDefaultsAndValues(t *testing.T) {
	cfg, command, exitCode, stdout, stderr := load(t, nil, "CONCHA_DB=d", "PORT=", "CONCHA_URL=https://u:p@host/x", "HOME=/root", "=weird", "novalue")
	if command != Serve || exitCode != -1 || stdout != "" || stderr != "" {
		t.Fatalf("%q %d %q %q", command, exitCode, stdout, stderr)
	}
	want := config{
		Process: Process{Port: 8080, LogLevel: logging.Level(zapcore.InfoLevel)},
		Storage: storage{Backend: "gcp", Database: "d"},
	}
	want.Upstream = url.URL{Scheme: "https", User: url.UserPassword("u", "p"), Host: "host", Path: "/x"}
	if diff := cmp.Diff(want, cfg, cmp.AllowUnexported(url.Userinfo{})); diff != "" {
		t.Error(diff)
	}
}

func TestParseCommandLine(t *testing.T) {
	tests := []struct {
		args     []string
		command  string
		exitCode int
		stderr   string
	}{
		{nil, Serve, -1, ""},
		{[]string{"serve"}, Serve, -1, ""},
		{[]string{"migrate"}, "migrate", -1, ""},
		{[]string{"shards", "32"}, "shards 32", -1, ""},
		{[]string{"shards"}, "", 2, "accounts: shards needs a NUMBER; run \"accounts --help\" for all commands\n"},
		{[]string{"shards", "32", "now"}, "", 2, "accounts: unknown argument \"now\"; run \"accounts --help\" for all commands\n"},
		{[]string{"--version"}, "", 0, ""},
		{[]string{"run"}, "", 2, "accounts: unknown argument \"run\"; run \"accounts --help\" for all commands\n"},
		{[]string{""}, "", 2, "accounts: unknown argument \"\"; run \"accounts --help\" for all commands\n"},
		{[]string{"--port"}, "", 2, "accounts: unknown argument \"--port\"; run \"accounts --help\" for all commands\n"},
		{[]string{"serve", "now"}, "", 2, "accounts: unknown argument \"now\"; run \"accounts --help\" for all commands\n"},
		{[]string{"migrate", "up"}, "", 2, "accounts: unknown argument \"up\"; run \"accounts --help\" for all commands\n"},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			_, command, exitCode, _, stderr := load(t, tt.args, "CONCHA_DB=d")
			if command != tt.command || exitCode != tt.exitCode || stderr != tt.stderr {
				t.Errorf("%q %d %q", command, exitCode, stderr)
			}
		})
	}
}

func TestParseListsEveryMistakeAtOnceWithoutTheValues(t *testing.T) {
	_, _, exitCode, stdout, stderr := load(
		t, nil, "PORT=secret", "CONCHA_LOG_LEVEL=secret", "CONCHA_MAX_WRITES=secret",
		"CONCHA_VERBOSE=secret", "CONCHA_URL=http://secret:%zz@host",
	)
	want := `accounts: 6 mistakes in the environment:
  PORT must be a whole number in 1..65535
  CONCHA_LOG_LEVEL must be debug, info, warn or error
  CONCHA_MAX_WRITES must be a whole number of at most 64 bits
  CONCHA_VERBOSE must be true or false
  CONCHA_URL must be a URL
  CONCHA_DB is required when CONCHA_BACKEND=gcp
Run "accounts --help" for all variables.
`
	if diff := cmp.Diff(want, stderr); diff != "" {
		t.Error(diff)
	}
	if exitCode != 2 || stdout != "" {
		t.Errorf("exit %d, stdout %q", exitCode, stdout)
	}
}

func TestParseDropsWhatRulesSayOfAMalformedVariable(t *testing.T) {
	type bad struct {
		Key  string `env:"KEY,required" desc:"secret"`
		Rate rate   `env:"RATE"`
		rules
	}
	var errs strings.Builder
	l := loader{program: "p", commands: []Command{serve}, stderr: &errs}
	if _, exitCode, done := l.parse(&bad{}, nil, []string{"RATE=x"}); exitCode != 2 || !done {
		t.Errorf("exit %d, done %v", exitCode, done)
	}
	want := `p: 3 mistakes in the environment:
  KEY is required
  RATE must be fast
  OTHER is missing
Run "p --help" for all variables.
`
	if diff := cmp.Diff(want, errs.String()); diff != "" {
		t.Error(diff)
	}
}

type rate string

func (*rate) UnmarshalText([]byte) error { return errors.New("must be fast") }

type rules struct{}

func (rules) Validate() []Problem {
	return []Problem{{"RATE", "is required"}, {"OTHER", "is missing"}}
}

func TestParseCountsOneMistakeInTheSingular(t *testing.T) {
	_, _, exitCode, _, stderr := load(t, nil)
	want := `accounts: 1 mistake in the environment:
  CONCHA_DB is required when CONCHA_BACKEND=gcp
Run "accounts --help" for all variables.
`
	if exitCode != 2 || stderr != want {
		t.Errorf("exit %d, %s", exitCode, stderr)
	}
}

func TestParseHeedsWhatTheCommandUses(t *testing.T) {
	cfg, command, exitCode, _, stderr := load(t, []string{"ready"}, "PORT=81", "CONCHA_WAIT=bad")
	if command != "ready" || exitCode != -1 || stderr != "" || cfg.Port != 81 {
		t.Errorf("%q on port %d: exit %d, %s", command, cfg.Port, exitCode, stderr)
	}
	_, _, exitCode, _, stderr = load(t, []string{"ready"}, "PORT=bad", "CONCHA_WAIT=bad")
	if exitCode != 2 || !strings.Contains(stderr, "1 mistake in the environment:\n  PORT must be") {
		t.Errorf("exit %d, %s", exitCode, stderr)
	}
}

func TestPort(t *testing.T) {
	for _, text := range []string{"0", "65536", "-1", "80.0", "", "99999999999999999999", "+80"} {
		var p Port
		if err := p.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q passes as %d", text, p)
		}
	}
	for text, want := range map[string]Port{"1": 1, "65535": 65535} {
		var p Port
		if err := p.UnmarshalText([]byte(text)); err != nil || p != want {
			t.Errorf("%q: %d, %v", text, p, err)
		}
	}
}

func TestParsePrintsUsage(t *testing.T) {
	want := `accounts: keeps accounts

Usage: accounts [command]

Commands:
  serve          run until SIGTERM (the default)
  migrate        bring the schema up to date
  shards NUMBER  have more of them
  ready          ask whether it is ready
  --help         print this
  --version      print the version

Variables:
  NAME               DEFAULT  MEANING
  PORT               8080     TCP port to listen on, 1..65535
  CONCHA_LISTEN      -        IP address to listen on, or * for all; default: *, but 127.0.0.1 for all in one without access control
  CONCHA_LOG_LEVEL   info     debug, info, warn or error
  NO_COLOR           -        any value: log lines on a terminal have no colours
  CONCHA_BACKEND     gcp      where to keep things
  CONCHA_DB          -        where the rows are
  CONCHA_MAX_WRITES  0        0: no limit
  CONCHA_VERBOSE     -        say more
  CONCHA_URL         -        of the service behind
`
	for _, arg := range []string{"--help", "-h", "help"} {
		_, _, exitCode, stdout, stderr := load(t, []string{arg}, "PORT=bad")
		if diff := cmp.Diff(want, stdout); diff != "" || exitCode != 0 || stderr != "" {
			t.Errorf("%s: exit %d, stderr %q, %s", arg, exitCode, stderr, diff)
		}
	}
}

func TestUsageMarksWhatIsRequiredAndListsAVariableOnce(t *testing.T) {
	type group struct {
		Key string `env:"KEY,required" desc:"secret"`
	}
	type twice struct {
		A, B group
		C    string `env:"-"`
	}
	var got []string
	for _, v := range variables(&twice{}) {
		got = append(got, v.name+" "+v.defaultText())
	}
	if diff := cmp.Diff([]string{"KEY (required)"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestVersion(t *testing.T) {
	_, _, _, stdout, _ := load(t, []string{"--version"})
	if stdout != "accounts "+Version()+"\n" {
		t.Errorf("stdout %q", stdout)
	}
	defer func(v string) { version = v }(version)
	version = "v1.2.3"
	if Version() != "v1.2.3" {
		t.Errorf("Version = %s", Version())
	}
}

func TestBuildVersion(t *testing.T) {
	revision := []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: "abc"}}
	tests := map[string]debug.BuildInfo{
		"v1.0.0": {Main: debug.Module{Version: "v1.0.0"}, Settings: revision},
		"abc":    {Main: debug.Module{Version: "(devel)"}, Settings: revision},
		"devel":  {},
	}
	for want, info := range tests {
		if got := buildVersion(&info); got != want {
			t.Errorf("buildVersion = %s, want %s", got, want)
		}
	}
}
