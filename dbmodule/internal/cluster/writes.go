package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// clockSlack is how much the clocks of a program's processes may differ.
const clockSlack = 2 * time.Second

// Writes are the last writes of one client, in each database. The client's reads must see
// them. Except for Take, they are safe for concurrent use. A nil Writes and the zero value
// have no writes.
type Writes struct {
	mu sync.Mutex
	// token is the token of another process, "" once it has been read.
	token string
	// marks are the last writes, keyed by the id of the database.
	marks map[string]mark
	// wrote is set once the client has written in this process.
	wrote bool
}

// mark is a write: its position in the primary's log, empty if not known, and its time.
type mark struct {
	at   engine.Position
	when time.Time
}

// Take adds the writes of a token, which Token has returned, maybe in another process. "" and
// a text that is no token add nothing. It is called first.
func (w *Writes) Take(token string) { w.token = token }

// of returns the last write in a database. ok is false when there is none.
func (w *Writes) of(id string) (m mark, ok bool) {
	if w == nil {
		return mark{}, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read()
	m, ok = w.marks[id]
	return m, ok
}

// note adds a write of this process.
func (w *Writes) note(id string, m mark) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read()
	w.add(id, m)
	w.wrote = true
}

// add is called with mu held.
func (w *Writes) add(id string, m mark) {
	if w.marks == nil {
		w.marks = map[string]mark{}
	}
	if known, ok := w.marks[id]; ok {
		m.at = m.at.Merged(known.at)
		m.when = later(m.when, known.when)
	}
	w.marks[id] = m
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// idLength is the length of a database's id.
const idLength = 8

// databaseID tells the databases in a token apart. It is the same in all processes,
// which may reach one database at different addresses.
func databaseID(u dburl.URL) string {
	sum := sha256.Sum256([]byte(string(u.Engine()) + "\n" + u.Database()))
	return hex.EncodeToString(sum[:])[:idLength]
}

// isDatabaseID checks the id in a token, which a client may have made up.
func isDatabaseID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == idLength
}
