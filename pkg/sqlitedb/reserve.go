package sqlitedb

import (
	"errors"
	"fmt"
	"os"

	"github.com/gofrs/flock"
)

// LockSuffix ends the name of the file that a process locks while it has a
// database open. The rest of the name is that of the database.
const LockSuffix = ".lock"

// Reserve keeps other processes from opening a database at path, which need not
// exist, until release is called. Release deletes the file of the lock. Reserve
// fails if a process has the database open.
func Reserve(path string) (release func() error, err error) {
	lock := flock.New(path + LockSuffix)
	if locked, err := lock.TryLock(); err != nil || !locked {
		return nil, errors.Join(fmt.Errorf("%s is in use by another process", path), err)
	}
	return func() error { return errors.Join(os.Remove(path+LockSuffix), lock.Close()) }, nil
}
