package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/concha-labs/backend/pkg/durable"
	"github.com/concha-labs/backend/pkg/sqlitedb"
)

// newBackup returns the command that copies the data of the embedded backend.
func newBackup(cfg config) *cobra.Command {
	return newCopy(&cobra.Command{
		Use: "backup DIR", Short: "Copy the data of the all-in-one process, which may be running, to a new folder.",
		Long: "Copy the data in CONCHA_DATA_DIR to the folder DIR, which must be empty or not exist: both databases as they\n" +
			"were at one moment, and the images and files to which they refer. The all-in-one process may be running.\n" +
			"The copy is checked. Exit code 1 with a list of images and files means that the rest was copied, and that\n" +
			"these were missing or damaged before.",
	}, func(dir string) (from, to string) { return cfg.DataDir, dir })
}

// newRestore returns the command that copies a backup back.
func newRestore(cfg config) *cobra.Command {
	return newCopy(&cobra.Command{
		Use: "restore DIR", Short: "Copy a backup to an empty data folder.",
		Long: "Copy a backup that \"backup\" made in DIR to CONCHA_DATA_DIR, which must be empty or not exist, and check it.\n" +
			"Exit code 1 with a list of images and files means that the rest was restored, and that these are missing or\n" +
			"damaged in the backup.",
	}, func(dir string) (from, to string) { return dir, cfg.DataDir })
}

func newCopy(cmd *cobra.Command, direction func(dir string) (from, to string)) *cobra.Command {
	var from, to string
	cmd.Args = cobra.ExactArgs(1)
	cmd.PreRun = func(_ *cobra.Command, args []string) { from, to = direction(args[0]) }
	cmd.RunE = work(func(ctx context.Context) error { return copyData(ctx, from, to, cmd.OutOrStdout()) })
	cmd.SetOut(os.Stdout)
	return cmd
}

// copyData copies a data folder to another, which must be empty. If that fails,
// it empties the other again.
func copyData(ctx context.Context, from, to string, out io.Writer) (err error) {
	for _, s := range stores {
		if _, err := os.Stat(filepath.Join(from, s.database)); err != nil {
			return fmt.Errorf("%w: %s is not a data folder or a complete backup", err, from)
		}
	}
	if err := checkEmpty(to); err != nil {
		return err
	}
	if err := durable.MkdirAll(to); err != nil {
		return err
	}
	release, err := reserve(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if err := checkEmpty(to); err != nil {
		return err
	}
	c := copier{from: from, to: to, copied: map[object]int{}}
	if err := c.run(ctx); err != nil {
		return errors.Join(err, empty(to))
	}
	_, _ = fmt.Fprintf(out, "copied both databases and %d images and files from %s to %s\n", len(c.copied), from, to)
	if lost := slices.Concat(c.missing, c.damaged); len(lost) > 0 {
		return fmt.Errorf("these images and files are missing or damaged in %s: %q", from, lost)
	}
	return nil
}

// reserve keeps every process from starting on the data of dir, which may be
// half of a copy, until release is called.
func reserve(dir string) (release func() error, err error) {
	var held []func() error
	release = func() (err error) {
		for _, one := range held {
			err = errors.Join(err, one())
		}
		return err
	}
	for _, s := range stores {
		one, err := sqlitedb.Reserve(filepath.Join(dir, s.database))
		if err != nil {
			return nil, errors.Join(err, release())
		}
		held = append(held, one)
	}
	return release, nil
}

// checkEmpty returns nil if a folder has no files but those of locks, or does not
// exist.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), sqlitedb.LockSuffix) {
			return fmt.Errorf("%s is not empty: nothing is overwritten; name another folder, or move its content away", dir)
		}
	}
	return nil
}

// empty deletes the content of a folder, but for the files of locks.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), sqlitedb.LockSuffix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
