package membus

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/concha-labs/backend/pkg/bus"
)

// DeadLetters is the name of the file of dead letters.
const DeadLetters = "dead-letters.ndjson"

// deadLetters appends to the file of dead letters.
type deadLetters struct {
	dir string
	mu  sync.Mutex
}

// deadLetter is a line of the file. JSON data is in Data, other data in
// DataBase64.
type deadLetter struct {
	Time         time.Time         `json:"time"`
	Subscription string            `json:"subscription"`
	Reason       string            `json:"reason"`
	OrderingKey  string            `json:"ordering_key"`
	Attributes   map[string]string `json:"attributes"`
	Data         json.RawMessage   `json:"data,omitempty"`
	DataBase64   []byte            `json:"data_base64,omitempty"`
}

// keep appends the message and syncs the file.
func (d *deadLetters) keep(subscription string, msg bus.Message, reason error) error {
	letter := deadLetter{
		Time: time.Now().UTC(), Subscription: subscription, Reason: reason.Error(),
		OrderingKey: msg.OrderingKey, Attributes: msg.Attributes,
	}
	if json.Valid(msg.Data) {
		letter.Data = msg.Data
	} else {
		letter.DataBase64 = msg.Data
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line) // ends with a newline
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(letter); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.write(line.Bytes())
}

func (d *deadLetters) write(line []byte) (err error) {
	folder, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	file, err := os.OpenFile(filepath.Join(d.dir, DeadLetters), os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if size := info.Size(); size > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' { // a crash has left an incomplete line
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := file.Write(line); err != nil {
		return err
	}
	return errors.Join(file.Sync(), folder.Sync())
}
