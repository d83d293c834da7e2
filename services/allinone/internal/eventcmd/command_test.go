package eventcmd

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"":                                    "tail, replay or snapshot",
		"dance":                               `"dance"`,
		"tail":                                "accounts or audios",
		"tail sessions":                       "accounts or audios",
		"tail accounts audios":                `"audios"`,
		"tail accounts --nope":                "nope",
		"tail accounts --since yesterday":     "2026-11-23T16:00:00Z",
		"tail accounts --since -10m":          "2026-11-23T16:00:00Z",
		"tail accounts --since 10m --after c": "--since or --after",
		"tail accounts --subject audio/1":     "account/<id>",
		"tail audios --subject audio/":        "audio/<id>",
		"tail accounts --subject account/x":   "--subject must be account/<id>",
		"tail accounts --subject account/01":  "account/<id>",
		"tail accounts --since 10m --subject account/1 --json":                     "",
		"tail --url http://localhost:1/ audios --after c":                          "",
		"tail accounts --url localhost:8080":                                       "http://localhost:8080",
		"tail accounts --url ftp://localhost":                                      "http://localhost:8080",
		"snapshot audios --subject audio/1":                                        "subject",
		"snapshot audios":                                                          "",
		"replay accounts --from 1h --topic t":                                      "--project",
		"replay accounts --from 1h --project p":                                    "--topic",
		"replay accounts --from 1h --project p --topic account-events-v1":          "live",
		"replay accounts --from 1h --project p --topic audio-events-v1":            "live",
		"replay accounts --from 1h --project p --topic own":                        "live",
		"replay accounts --from 1h --project p --topic others":                     "live",
		"replay accounts --from 1h --project p --topic projects/p/topics/t":        "id",
		"replay accounts --project p --topic t":                                    "--from or --after",
		"replay accounts --from 1h --after c --project p --topic t":                "--from or --after",
		"replay accounts --from 1h --to 2h --project p --topic t":                  "after --from",
		"replay accounts --from 2h --to 1h --project p --topic t":                  "",
		"replay audios --after c --project p --topic t":                            "",
		"replay audios --from 2026-11-23T16:00:00.5+01:00 --project p --topic tea": "",
	} {
		_, err := parse(strings.Fields(line), os.Stdout, Config{EventsTopic: "own", AccountEventsTopic: "others"})
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("events %s: %v, want %q", line, err, want)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--help":                "feed_cursor",
		"tail --help":           "-since",
		"replay accounts -h":    "-project",
		"snapshot --help audio": "-url",
	} {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if _, err := parse(strings.Fields(line), out, Config{}); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("events %s: %v", line, err)
		}
		if text, err := os.ReadFile(out.Name()); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("events %s prints %q, %v; it lacks %q", line, text, err, want)
		}
	}
}
