// Package settings reads a program's command line and environment: an optional
// command, and settings from environment variables only.
//
// A config type is a struct, possibly nested, whose leaves have the tags env,
// envDefault and desc:
//
//	Bucket string `env:"CONCHA_BUCKET" desc:"bucket of the images"`
package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/caarlos0/env/v11"
	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/logging"
)

// Process holds the settings of every process. Embed it in a config type.
type Process struct {
	Port     Port          `env:"PORT" envDefault:"8080" desc:"TCP port to listen on, 1..65535"`
	Listen   Listen        `env:"CONCHA_LISTEN" desc:"IP address to listen on, or * for all; default: *, but 127.0.0.1 for all in one without access control"`
	LogLevel logging.Level `env:"CONCHA_LOG_LEVEL" envDefault:"info" desc:"debug, info, warn or error"`
	NoColor  string        `env:"NO_COLOR" desc:"any value: log lines on a terminal have no colours"`
}

// Logging returns the settings of the logger of a program. Its traces are in a
// project of Google Cloud; "" if that is unknown.
func (p Process) Logging(program, project string) logging.Config {
	return logging.Config{Service: program, Level: p.LogLevel, NoColor: p.NoColor != "", Project: project}
}

// Serve is the command if the command line has none.
const Serve = "serve"

// Command is a command of a program other than Serve.
type Command struct {
	Name, About string
	// Argument names the argument that the command needs, such as NUMBER. The
	// command that Load returns then is the name, a space and the argument.
	Argument string
	// Uses lists the variables that the command reads. Mistakes in other
	// variables are ignored. If Uses is empty, the command reads all of them.
	Uses []string
}

var serve = Command{Name: Serve, About: "run until SIGTERM (the default)"}

// Problem is a mistake in the environment.
type Problem struct {
	Variable string
	// Detail describes the expected value, such as "is required when
	// CONCHA_BACKEND=gcp". It does not contain the value, which may be a
	// secret.
	Detail string
}

// Validator is implemented by config types and nested structs that have rules
// across variables. Validate is also called if variables are malformed. Those
// are zero then, and problems reported for them are dropped.
type Validator interface {
	Validate() []Problem
}

// Load returns the config from the environment and the chosen command. An empty
// variable counts as not set. Load prints a text and exits with 0 for --help
// and --version. It exits with 2 for an unknown argument and for mistakes in
// the environment, which it lists on stderr. For Serve it logs a warning that
// names the CONCHA_ variables that are not in the config.
func Load[T any](program, about string, commands ...Command) (cfg T, command string) {
	l := loader{
		program: program, about: about, commands: append([]Command{serve}, commands...),
		stdout: os.Stdout, stderr: os.Stderr,
	}
	command, exitCode, done := l.parse(&cfg, os.Args[1:], os.Environ())
	if done {
		os.Exit(exitCode)
	}
	if found := strangers(variables(&cfg), os.Environ()); command == Serve && len(found) > 0 {
		log := logging.New(logging.Config{Service: program}, os.Stderr)
		log.Warn("these variables are not settings of this program and have no effect", zap.Strings("variables", found))
	}
	return cfg, command
}

// Environment returns the config in the environment, for a program that has a
// command line of its own. If there are mistakes, it lists all of them on stderr
// and exits 2.
func Environment[T any](program string) (cfg T) {
	l := loader{program: program, stderr: os.Stderr}
	if problems := fill(&cfg, variables(&cfg), os.Environ()); len(problems) > 0 {
		l.printProblems(problems)
		os.Exit(2)
	}
	return cfg
}

type loader struct {
	program, about string
	commands       []Command
	stdout, stderr io.Writer
}

// parse fills cfg, a pointer to a struct. If done is true, the program has to
// exit with exitCode.
func (l *loader) parse(cfg any, args, environ []string) (command string, exitCode int, done bool) {
	vars := variables(cfg)
	command, rest := Serve, []string(nil)
	if len(args) > 0 {
		command, rest = args[0], args[1:]
	}
	switch command {
	case "--help", "-h", "help":
		l.printUsage(vars)
		return "", 0, true
	case "--version":
		_, _ = fmt.Fprintln(l.stdout, l.program, Version())
		return "", 0, true
	}
	chosen, mistake := l.choose(command, rest)
	if mistake != "" {
		_, _ = fmt.Fprintf(l.stderr, "%s: %s; run \"%s --help\" for all commands\n", l.program, mistake, l.program)
		return "", 2, true
	}
	problems := fill(cfg, vars, environ)
	if len(chosen.Uses) > 0 {
		problems = slices.DeleteFunc(problems, func(p Problem) bool { return !slices.Contains(chosen.Uses, p.Variable) })
	}
	if len(problems) > 0 {
		l.printProblems(problems)
		return "", 2, true
	}
	return strings.Join(append([]string{command}, rest...), " "), 0, false
}

// choose returns the command with that name, or a mistake in the arguments.
func (l *loader) choose(name string, rest []string) (chosen Command, mistake string) {
	i := slices.IndexFunc(l.commands, func(c Command) bool { return c.Name == name })
	if i < 0 {
		return chosen, fmt.Sprintf("unknown argument %q", name)
	}
	chosen = l.commands[i]
	if chosen.Argument != "" {
		if len(rest) == 0 {
			return chosen, fmt.Sprintf("%s needs a %s", name, chosen.Argument)
		}
		rest = rest[1:]
	}
	if len(rest) > 0 {
		return chosen, fmt.Sprintf("unknown argument %q", rest[0])
	}
	return chosen, ""
}

// fill sets cfg from environ and returns the problems, at most one for each
// variable.
func fill(cfg any, vars []variable, environ []string) []Problem {
	values := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); name != "" && value != "" {
			values[name] = value
		}
	}
	var problems []Problem
	seen := map[string]bool{}
	add := func(found ...Problem) {
		for _, p := range found {
			if !seen[p.Variable] {
				seen[p.Variable] = true
				problems = append(problems, p)
			}
		}
	}
	if err := env.ParseWithOptions(cfg, env.Options{Environment: values}); err != nil {
		add(malformed(cfg, vars, values)...)
		if len(problems) == 0 {
			panic(fmt.Errorf("settings: the tags of %T are wrong: %w", cfg, err))
		}
	}
	for _, v := range validators(cfg) {
		add(v.Validate()...)
	}
	return problems
}

// malformed tries the variables one at a time, because an error of the env
// package names the Go field but not the variable.
func malformed(cfg any, vars []variable, values map[string]string) []Problem {
	var problems []Problem
	for _, v := range vars {
		value, ok := values[v.name]
		if !ok {
			if v.required {
				problems = append(problems, Problem{Variable: v.name, Detail: "is required"})
			}
			continue
		}
		err := env.ParseWithOptions(zeroLike(cfg), env.Options{Environment: map[string]string{v.name: value}})
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			problems = append(problems, Problem{Variable: v.name, Detail: v.expectation(parse.Err)})
		}
	}
	return problems
}

func (l *loader) printProblems(problems []Problem) {
	plural := "s"
	if len(problems) == 1 {
		plural = ""
	}
	_, _ = fmt.Fprintf(l.stderr, "%s: %d mistake%s in the environment:\n", l.program, len(problems), plural)
	for _, p := range problems {
		_, _ = fmt.Fprintf(l.stderr, "  %s %s\n", p.Variable, p.Detail)
	}
	_, _ = fmt.Fprintf(l.stderr, "Run \"%s --help\" for all variables.\n", l.program)
}

func (l *loader) printUsage(vars []variable) {
	w := tabwriter.NewWriter(l.stdout, 0, 0, 2, ' ', 0)
	defer func() { _ = w.Flush() }()
	_, _ = fmt.Fprintf(w, "%s: %s\n\nUsage: %s [command]\n\nCommands:\n", l.program, l.about, l.program)
	for _, c := range l.commands {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", strings.TrimSpace(c.Name+" "+c.Argument), c.About)
	}
	_, _ = fmt.Fprint(w, "  --help\tprint this\n  --version\tprint the version\n\nVariables:\n  NAME\tDEFAULT\tMEANING\n")
	for _, v := range vars {
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\n", v.name, v.defaultText(), v.desc)
	}
}
