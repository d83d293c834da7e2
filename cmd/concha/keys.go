package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/callerjwt"
)

// newKeys returns the commands that make and check the keys of callers and of
// the gateway. They work on files and need no running system.
func newKeys() *cobra.Command {
	keys := group(&cobra.Command{Use: "keys", Short: "Make and check API keys and the gateway's own key."})
	keys.AddCommand(newKeysNew(), newKeysCheck(), newKeysGateway())
	return keys
}

func newKeysNew() *cobra.Command {
	var key apikey.Key
	var scopes, expires, rate, file string
	cmd := &cobra.Command{
		Use: "new", Short: "Make an API key.", Args: cobra.NoArgs,
		Long: "Make an API key. It is printed on stdout, once: nobody can read it from its line, which has its hash.\n" +
			"The line is printed after it, or appended to the file of --file.",
		PreRunE: func(*cobra.Command, []string) error {
			if err := key.Scopes.UnmarshalText([]byte(scopes)); err != nil {
				return fmt.Errorf("--scopes %w", err)
			}
			if rate != "" {
				if err := key.Rate.UnmarshalText([]byte(rate)); err != nil {
					return fmt.Errorf("--rate %w", err)
				}
			}
			var err error
			key.ExpiresAt, err = expiry(expires, time.Now())
			return err
		},
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		secret, line, err := apikey.New(key)
		if err != nil {
			return err
		}
		if file == "" {
			cmd.Println(secret)
			cmd.Println(string(line))
			return nil
		}
		if err := appendLine(file, line); err != nil {
			return workError{err}
		}
		cmd.Println(secret)
		return nil
	}
	cmd.SetOut(os.Stdout)
	flags := cmd.Flags()
	flags.StringVar(&key.ID, "id", "", "id of the key: 1 to 64 of A-Z a-z 0-9 . _ - (default: random)")
	flags.StringVar(&key.Name, "name", "", "what the key is for")
	flags.StringVar(&scopes, "scopes", "", "scopes, separated by commas, such as accounts:read,audios:own")
	flags.StringVar(&expires, "expires", "", "when the key ceases to be valid: a date (2027-01-31), a time (RFC 3339) or a duration (720h) (default: never)")
	flags.StringVar(&rate, "rate", "", "the key's own limit, such as 10/s (default: the gateway's)")
	flags.StringVar(&file, "file", "", "append the line to this file of keys")
	_ = cmd.MarkFlagRequired("name")
	_ = cmd.MarkFlagRequired("scopes")
	return cmd
}

// expiry parses the value of --expires.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("--expires must be a date such as 2027-01-31, a time such as 2027-01-31T12:00:00Z, or a duration such as 720h")
}

// appendLine adds a line to a file that only its owner can read.
func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(filepath.Clean(path), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	last := []byte{'\n'}
	if err == nil && info.Size() > 0 {
		_, err = f.ReadAt(last, info.Size()-1)
	}
	if err == nil && last[0] != '\n' { // written by hand
		line = append([]byte{'\n'}, line...)
	}
	if err == nil {
		_, err = f.Write(append(line, '\n'))
	}
	return errors.Join(err, f.Close())
}

func newKeysCheck() *cobra.Command {
	cmd := &cobra.Command{Use: "check FILE", Short: "Check a file of API keys.", Args: cobra.ExactArgs(1)}
	cmd.SetOut(os.Stdout)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return workError{err}
		}
		defer f.Close()
		keys, err := apikey.Parse(f)
		if err != nil {
			return workError{fmt.Errorf("%s is broken:\n%w", args[0], err)}
		}
		for _, k := range keys {
			state := "never expires"
			switch {
			case k.ExpiresAt.IsZero():
			case time.Now().Before(k.ExpiresAt):
				state = "expires " + k.ExpiresAt.Format(time.RFC3339)
			default:
				state = "EXPIRED " + k.ExpiresAt.Format(time.RFC3339)
			}
			cmd.Printf("%s\t%s\t%s\t%s\n", k.ID, state, k.Scopes, k.Name)
		}
		return nil
	}
	return cmd
}

func newKeysGateway() *cobra.Command {
	var private, public string
	cmd := &cobra.Command{
		Use: "gateway", Short: "Make the key pair by which services know their gateway.", Args: cobra.NoArgs,
		Long: "Make the Ed25519 key pair by which services know their gateway: the private key for the gateway's\n" +
			"CONCHA_GATEWAY_KEY_FILE, the public key for the services' CONCHA_GATEWAY_PUBLIC_KEYS_FILE, to which it is added.",
	}
	cmd.RunE = work(func(context.Context) error { return writeGatewayKeys(private, public) })
	cmd.Flags().StringVar(&private, "private", "gateway-key.pem", "file of the private key, which must not exist")
	cmd.Flags().StringVar(&public, "public", "gateway-public-keys.pem", "file of public keys, to which the new one is added")
	return cmd
}

// writeGatewayKeys writes a new private key to a file, which must not exist, and
// adds its public key to another file. If that fails, there is no private key
// either: services would not know it.
func writeGatewayKeys(private, public string) error {
	privateKey, publicKey, err := callerjwt.GenerateKeys()
	if err != nil {
		return err
	}
	private = filepath.Clean(private)
	f, err := os.OpenFile(private, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err // a key that is in use is not replaced
	}
	_, err = f.Write(privateKey)
	if err = errors.Join(err, f.Close()); err == nil {
		err = appendLine(public, publicKey[:len(publicKey)-1]) // without its newline
	}
	if err != nil {
		return errors.Join(err, os.Remove(private))
	}
	return nil
}
