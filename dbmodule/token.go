package dbmodule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// longestToken bounds a token, in bytes, and maxTokens the databases in
	// it: it comes from a client.
	longestToken = 400
	maxTokens    = 8
	// clockSlack is how far the clocks of an application's processes may be
	// apart.
	clockSlack = 2 * time.Second
)

// mark is a write that a reader must see: where it stands in the primary's
// order, nil when that could not be learnt, and when it was made.
type mark struct {
	at   position
	when time.Time
}

// causality is what one client has written, by database.
type causality struct {
	mu    sync.Mutex
	token string // not read yet
	marks map[string]mark
	wrote bool
}

type causalityKey struct{}

// ReadYourWrites returns a context whose read-only sessions see all that was
// committed before by sessions with the same context or one derived from it,
// although reads go to replicas: until a replica has replayed the writes, these
// reads go to the primary, while others' go on using the replica. It also
// takes a token of [WriteToken] from another context or process, "" for none;
// a text that is no token counts as none.
//
// On databases without DATABASE_REPLICA_URLS it costs nothing and changes
// nothing. With them, each commit of a session asks the primary for its
// position: one more round trip. What is written by [Database.DB] is not
// noticed. The context may be used concurrently.
func ReadYourWrites(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, causalityKey{}, &causality{token: token})
}

// WriteToken returns a token for what was written with ctx, to be given to
// [ReadYourWrites] wherever the same client reads next; "" when nothing was
// written to a database with replicas. It is text of letters, digits, dots,
// dashes and tildes, of at most 400 bytes, and says nothing secret: positions
// in the database's log and times. It need not be kept longer than
// DATABASE_REPLICA_MAX_LAG and a few seconds.
func WriteToken(ctx context.Context) string {
	c := causalityOf(ctx)
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.wrote {
		return ""
	}
	c.read()
	var items []string
	length := 0
	for _, id := range slices.SortedFunc(maps.Keys(c.marks), func(a, b string) int { return c.marks[b].when.Compare(c.marks[a].when) }) {
		item := id + "-" + strconv.FormatInt(c.marks[id].when.UnixMilli(), 36) + "-" + c.marks[id].at.text()
		if length += len(item) + 1; length > longestToken || len(items) == maxTokens {
			break // the oldest
		}
		items = append(items, item)
	}
	return strings.Join(items, "~")
}

func causalityOf(ctx context.Context) *causality {
	c, _ := ctx.Value(causalityKey{}).(*causality)
	return c
}

// read takes the token in, once. Whoever sent it may have made it up: what it
// can do is to send its own reads to the primary.
func (c *causality) read() {
	token := c.token
	c.token = ""
	if token == "" || len(token) > longestToken {
		return
	}
	items := strings.Split(token, "~")
	if len(items) > maxTokens {
		return
	}
	for _, item := range items {
		parts := strings.Split(item, "-")
		if len(parts) != 3 || len(parts[0]) != idLength {
			continue
		}
		when, err := strconv.ParseInt(parts[1], 36, 64)
		at, ok := parsePosition(parts[2])
		if err != nil || !ok {
			continue
		}
		// A time that is yet to come would never be over.
		c.add(parts[0], mark{at: at, when: earlier(time.UnixMilli(when), time.Now().Add(clockSlack))})
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (c *causality) add(id string, m mark) {
	if c.marks == nil {
		c.marks = map[string]mark{}
	}
	if known, ok := c.marks[id]; ok {
		m.at = m.at.merged(known.at)
		if known.when.After(m.when) {
			m.when = known.when
		}
	}
	c.marks[id] = m
}

// seen returns what reads of a database must see; ok is false for anything.
func (c *causality) seen(id string) (m mark, ok bool) {
	if c == nil {
		return mark{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read()
	m, ok = c.marks[id]
	return m, ok
}

func (c *causality) note(id string, m mark) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read()
	c.add(id, m)
	c.wrote = true
}

// idLength is that of an id in a token.
const idLength = 8

// tokenID tells the databases in a token apart, in all processes alike: they
// may reach one database by different addresses.
func tokenID(u URL) string {
	sum := sha256.Sum256([]byte(string(u.Engine()) + "\n" + u.Database()))
	return hex.EncodeToString(sum[:])[:idLength]
}

// mark notes where a write stands, for reads with the same context. The
// connection is the one that wrote, if the session still has it.
func (s *Session) mark(ctx context.Context) {
	c := causalityOf(ctx)
	replicas := s.factory.replicas
	if c == nil || replicas == nil || s.options.readOnly {
		return
	}
	m := mark{when: time.Now()}
	if s.held != nil { // it still has the connection
		if at, err := replicas.replication.written(ctx, s.held.conn.Conn); err == nil {
			m.at = at
		}
	} // else the time has to do
	c.note(replicas.id, m)
}
