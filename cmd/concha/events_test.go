package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// check parses a command line and checks its arguments, without the work.
func check(t *testing.T, line string) (stdout string, err error) {
	t.Helper()
	root := newRoot(config{EventsTopic: "own", AccountEventsTopic: "others"})
	disarm(root)
	var out strings.Builder
	root.SetOut(&out)
	root.SetArgs(strings.Fields(line))
	err = root.ExecuteContext(t.Context())
	return out.String(), err
}

// disarm removes the work of all commands that have some.
func disarm(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		disarm(sub)
		if !sub.HasSubCommands() {
			sub.RunE = func(*cobra.Command, []string) error { return nil }
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                                       "backup, demo, events, keys, restore, wipe",
		"dance":                                  `"dance"`,
		"events":                                 "replay, snapshot, tail",
		"events dance":                           `"dance"`,
		"wipe":                                   "accounts or audios",
		"wipe sessions":                          "accounts or audios",
		"wipe accounts --nope":                   "nope",
		"wipe --nope accounts":                   "nope",
		"wipe accounts --url x":                  "http://localhost:8080",
		"wipe --url http://localhost accounts":   "",
		"wipe accounts --url http://localhost":   "",
		"events tail":                            "accounts or audios",
		"events tail sessions":                   "accounts or audios",
		"events tail accounts audios":            "accounts or audios",
		"events tail accounts --nope":            "nope",
		"events tail accounts --since yesterday": "2026-11-23T16:00:00Z",
		"events tail accounts --since -10m":      "2026-11-23T16:00:00Z",
		"events tail accounts --since 10m --after c":                                      "--since or --after",
		"events tail accounts --subject audio/1":                                          "account/<id>",
		"events tail audios --subject audio/":                                             "audio/<id>",
		"events tail accounts --subject account/x":                                        "--subject must be account/<id>",
		"events tail accounts --subject account/01":                                       "account/<id>",
		"events tail accounts --since 10m --subject account/1 --json":                     "",
		"events tail --url http://localhost:1/ audios --after c":                          "",
		"events tail accounts --url localhost:8080":                                       "http://localhost:8080",
		"events tail accounts --url ftp://localhost":                                      "http://localhost:8080",
		"events snapshot audios --subject audio/1":                                        "subject",
		"events snapshot audios":                                                          "",
		"events replay accounts --from 1h --topic t":                                      "--project",
		"events replay accounts --from 1h --project p":                                    "--topic",
		"events replay accounts --from 1h --project p --topic account-events-v1":          "live",
		"events replay accounts --from 1h --project p --topic audio-events-v1":            "live",
		"events replay accounts --from 1h --project p --topic own":                        "live",
		"events replay accounts --from 1h --project p --topic others":                     "live",
		"events replay accounts --from 1h --project p --topic projects/p/topics/t":        "id",
		"events replay accounts --project p --topic t":                                    "--from or --after",
		"events replay accounts --from 1h --after c --project p --topic t":                "--from or --after",
		"events replay accounts --from 1h --to 2h --project p --topic t":                  "after --from",
		"events replay accounts --from 2h --to 1h --project p --topic t":                  "",
		"events replay audios --after c --project p --topic t":                            "",
		"events replay audios --from 2026-11-23T16:00:00.5+01:00 --project p --topic tea": "",
	} {
		_, err := check(t, line)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("concha %s: %v, want %q", line, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--help":                       "wipe",
		"events --help":                "snapshot",
		"events tail --help":           "--since",
		"events replay accounts -h":    "--project",
		"events snapshot --help audio": "feed_cursor",
		"wipe --help":                  "--url",
	} {
		if text, err := check(t, line); err != nil || !strings.Contains(text, want) {
			t.Errorf("concha %s prints %q, %v; it lacks %q", line, text, err, want)
		}
	}
}
