package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// clockSlack is how far the clocks of a program's processes may be apart.
const clockSlack = 2 * time.Second

// Writes are what one client has written, in each database: its reads must see that.
// They are safe for concurrent use, but for Take. A nil Writes is a client that has
// written nothing, and so is the zero value.
type Writes struct {
	mu sync.Mutex
	// token is what another process noted, and "" once it has been read.
	token string
	// marks are the last writes, by the database's id.
	marks map[string]mark
	// wrote is set once the client has written in this process.
	wrote bool
}

// mark is a write that a reader must see: where it is in the primary's log, empty
// when that is not known, and when it was made.
type mark struct {
	at   engine.Position
	when time.Time
}

// Take adds what is in a token that Token has returned, maybe in another process, to
// Writes that have nothing so far. "", and a text that is no token, stand for no writes.
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

// isDatabaseID keeps what a client made up out of the tokens that are handed on.
func isDatabaseID(id string) bool {
	_, err := hex.DecodeString(id)
	return err == nil && len(id) == idLength
}
