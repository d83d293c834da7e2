// Package apikey makes API keys and reads the file that holds their hashes.
//
// A key has the form concha_<id>_<secret>. The file has a JSON object per line
// and never the key itself:
//
//	{"id":"ci","name":"CI","sha256":"9f86…","scopes":["accounts:read"],"expires_at":"2027-01-31T00:00:00Z","rate":"10/s"}
//
// sha256 is the hash of the whole key in hex. expires_at and rate may be absent.
package apikey

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/concha-labs/backend/pkg/caller"
)

// Prefix begins every key.
const Prefix = "concha_"

// Key is a line of the file.
type Key struct {
	ID     string
	Name   string
	SHA256 [sha256.Size]byte // of the whole key
	Scopes caller.Scopes
	// ExpiresAt is when the key ceases to be valid; zero if it does not expire.
	ExpiresAt time.Time
	// Rate replaces the limit of the gateway for this key; zero if it does not.
	Rate Rate
}

// New returns a key with a fresh secret, and its line for the file. k.SHA256 is
// ignored. If k.ID is "", the key gets a random id.
// Errors: k breaks a rule of the file.
func New(k Key) (key string, line []byte, err error) {
	if k.ID == "" {
		k.ID = strings.ToLower(rand.Text()[:10])
	}
	key = Prefix + k.ID + "_" + rand.Text() + rand.Text()
	k.SHA256 = sha256.Sum256([]byte(key))
	if line, err = json.Marshal(k); err == nil {
		_, err = parseLine(line)
	}
	return key, line, err
}

// entry is the JSON form of a Key.
type entry struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	SHA256    string     `json:"sha256"`
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	Rate      *Rate      `json:"rate,omitempty"`
}

// MarshalJSON returns the line of the file.
func (k Key) MarshalJSON() ([]byte, error) {
	e := entry{ID: k.ID, Name: k.Name, SHA256: hex.EncodeToString(k.SHA256[:]), Scopes: strings.Fields(k.Scopes.String())}
	if !k.ExpiresAt.IsZero() {
		e.ExpiresAt = &k.ExpiresAt
	}
	if k.Rate != 0 {
		e.Rate = &k.Rate
	}
	return json.Marshal(e)
}

// maxLine is the length of the longest line of a file, in bytes.
const maxLine = 64 << 10

// Parse reads a file. Empty lines are ignored. The error lists every line that
// breaks a rule:
//   - a line is no JSON object with exactly the members described above
//   - an id is not 1 to 64 of A-Z a-z 0-9 . _ - or occurs twice
//   - a hash is not 64 hexadecimal digits
//   - a scope is unknown, or there is none
func Parse(r io.Reader) ([]Key, error) {
	var keys []Key
	var faults []error
	seen := map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for number := 1; lines.Scan(); number++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		k, err := parseLine(line)
		if err == nil && seen[k.ID] {
			err = fmt.Errorf("the id %q occurs twice", k.ID)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		seen[k.ID] = true
		keys = append(keys, k)
	}
	if err := lines.Err(); err != nil {
		faults = append(faults, fmt.Errorf("read the keys: %w", err))
	}
	return keys, errors.Join(faults...)
}

// idForm does not bound the length: {1,64} would compile 64 copies at each start.
var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func parseLine(line []byte) (Key, error) {
	var e entry
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields() // a misspelt expires_at must not make a key that never expires
	if err := decoder.Decode(&e); err != nil {
		return Key{}, fmt.Errorf("must be a JSON object with id, name, sha256, scopes, expires_at and rate: %w", err)
	}
	if decoder.More() {
		return Key{}, errors.New("must hold one JSON object")
	}
	k := Key{ID: e.ID, Name: e.Name}
	if len(e.ID) > 64 || !idForm.MatchString(e.ID) {
		return Key{}, errors.New("id must be 1 to 64 of A-Z a-z 0-9 . _ -")
	}
	hash, err := hex.DecodeString(e.SHA256)
	if err != nil || len(hash) != sha256.Size {
		return Key{}, errors.New("sha256 must be the hash of the whole key, 64 hexadecimal digits")
	}
	copy(k.SHA256[:], hash)
	if err := k.Scopes.UnmarshalText([]byte(strings.Join(e.Scopes, " "))); err != nil {
		return Key{}, fmt.Errorf("scopes %w", err)
	}
	if k.Scopes == 0 {
		return Key{}, errors.New("scopes must hold at least one scope")
	}
	if e.ExpiresAt != nil {
		k.ExpiresAt = *e.ExpiresAt
	}
	if e.Rate != nil {
		k.Rate = *e.Rate
	}
	return k, nil
}
