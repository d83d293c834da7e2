package access

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/concha-labs/backend/pkg/apikey"
	"github.com/concha-labs/backend/pkg/caller"
)

// watchEvery is how often the file of API keys is looked at.
const watchEvery = time.Second

// keyring holds the API keys of a file.
type keyring struct {
	path     string
	accounts *accounts
	log      *zap.Logger
	current  atomic.Pointer[map[string]*heldKey] // by id
	seen     os.FileInfo                         // of the file that was read last
}

// heldKey is a key that is in force.
type heldKey struct {
	apikey.Key

	identity *identity
	withdraw func()
}

// newKeyring reads the file, if there is one.
func newKeyring(path string, accounts *accounts, log *zap.Logger) (*keyring, error) {
	k := &keyring{path: path, accounts: accounts, log: log}
	k.current.Store(&map[string]*heldKey{})
	if path == "" {
		return k, nil
	}
	err := k.load()
	return k, err
}

// load replaces the keys by those of the file, which stay as they are if it is
// broken. A key that is gone, or has changed in anything but its name and rate,
// is withdrawn: its streams end.
func (k *keyring) load() error {
	k.seen, _ = os.Stat(k.path)
	read, err := readKeys(k.path)
	if _, unreadable := errors.AsType[syscall.Errno](err); unreadable {
		k.seen = nil // it may become readable without a change that Stat shows
	}
	if err != nil {
		return err
	}
	old := *k.current.Load()
	held := make(map[string]*heldKey, len(read))
	for _, key := range read {
		if previous := old[key.ID]; previous != nil && previous.SHA256 == key.SHA256 && previous.Scopes == key.Scopes && previous.ExpiresAt.Equal(key.ExpiresAt) {
			previous.identity.account.setRate(k.rate(key))
			held[key.ID] = previous
			continue
		}
		held[key.ID] = k.hold(key)
	}
	k.current.Store(&held)
	for id, previous := range old {
		if held[id] != previous {
			previous.withdraw()
		}
	}
	return nil
}

func (k *keyring) rate(key apikey.Key) apikey.Rate {
	if key.Rate != 0 {
		return key.Rate
	}
	return k.accounts.rate
}

func (k *keyring) hold(key apikey.Key) *heldKey {
	ctx, withdraw := context.WithCancel(context.Background())
	who := caller.Caller{ID: caller.Key(key.ID), Scopes: key.Scopes}
	account := k.accounts.at(who.ID, k.rate(key))
	account.setRate(k.rate(key)) // if it is there already
	return &heldKey{key, &identity{caller: who, logged: who.Logged(), expires: key.ExpiresAt, gone: ctx.Done(), account: account}, withdraw}
}

// find returns the caller with that key. It takes the same steps, and so the
// same time, whatever a key is refused for.
func (k *keyring) find(key string, now time.Time) (*identity, error) {
	keys := *k.current.Load()
	sum := sha256.Sum256([]byte(key))
	var match *heldKey
	unknown := true
	// The id ends at an underscore, and may have some itself.
	rest := strings.TrimPrefix(key, apikey.Prefix)
	for end := strings.IndexByte(rest, '_'); end >= 0 && end <= 64; {
		if held := keys[rest[:end]]; held != nil {
			unknown = false
			if subtle.ConstantTimeCompare(sum[:], held.SHA256[:]) == 1 {
				match = held
			}
		}
		next := strings.IndexByte(rest[end+1:], '_')
		if next < 0 {
			break
		}
		end += 1 + next
	}
	if unknown {
		subtle.ConstantTimeCompare(sum[:], nobody[:])
	}
	if match == nil || !match.ExpiresAt.IsZero() && !now.Before(match.ExpiresAt) {
		return nil, errCredentials
	}
	return match.identity, nil
}

// nobody is compared with the hash of a key whose id is unknown.
var nobody [sha256.Size]byte

// watch reads the file again whenever it changes, until ctx ends.
func (k *keyring) watch(ctx context.Context) {
	if k.path == "" {
		return
	}
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	said := "" // the last failure
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if info, err := os.Stat(k.path); unchanged(info, k.seen) && (err == nil) == (k.seen != nil) {
			continue
		}
		if err := k.load(); err != nil {
			if err.Error() != said {
				said = err.Error()
				k.log.Error("the file of API keys cannot be read: the old keys stay in force", zap.Error(err))
			}
			continue
		}
		said = ""
		k.log.Info("the file of API keys was read again", zap.Int("keys", len(*k.current.Load())))
	}
}

func unchanged(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
