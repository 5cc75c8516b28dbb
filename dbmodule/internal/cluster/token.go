package cluster

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// A token has an item for each database, separated by "~": its id, the time of the
// last write in milliseconds, and the position, separated by "-". A position is the
// numbers of logs, each followed by the number of entries, all separated by ".".
// Numbers are written to the base 36.
//
// A token comes back from a client, which may have made it up. A wrong token can only send
// the client's own reads to the primary.

const (
	// longestToken limits a token, in bytes.
	longestToken = 400
	// maxDatabases limits the databases in a token, maxLogs the logs in a position.
	maxDatabases = 8
	maxLogs      = 8
	base         = 36
)

// Token returns a token for Take in the process where the same client reads next; "" if the
// client has written nothing in this process. A token has letters, digits, dots, dashes and
// tildes, at most 400 bytes. If there are too many databases, it leaves out those with the
// oldest writes.
func (w *Writes) Token() string {
	if w == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.wrote {
		return ""
	}
	w.read()
	newestFirst := func(a, b string) int { return w.marks[b].when.Compare(w.marks[a].when) }
	var items []string
	length := 0
	for _, id := range slices.SortedFunc(maps.Keys(w.marks), newestFirst) {
		m := w.marks[id]
		item := id + "-" + strconv.FormatInt(m.when.UnixMilli(), base) + "-" + formatPosition(m.at)
		if length += len(item) + 1; length > longestToken || len(items) == maxDatabases {
			break
		}
		items = append(items, item)
	}
	return strings.Join(items, "~")
}

// read adds what the token says, once. It is called with mu held.
func (w *Writes) read() {
	token := w.token
	w.token = ""
	if token == "" || len(token) > longestToken {
		return
	}
	items := strings.Split(token, "~")
	if len(items) > maxDatabases {
		return
	}
	// No replica would serve reads before the time of a mark.
	latest := time.Now().Add(clockSlack)
	for _, item := range items {
		id, m, ok := parseItem(item)
		if !ok {
			continue
		}
		if m.when.After(latest) {
			m.when = latest
		}
		w.add(id, m)
	}
}

func parseItem(item string) (id string, m mark, ok bool) {
	parts := strings.Split(item, "-")
	if len(parts) != 3 || !isDatabaseID(parts[0]) {
		return "", mark{}, false
	}
	when, err := strconv.ParseInt(parts[1], base, 64)
	at, ok := parsePosition(parts[2])
	return parts[0], mark{at: at, when: time.UnixMilli(when)}, ok && err == nil
}

// formatPosition writes a position for a token. A position in too many logs is left out: then
// only the time of the write counts.
func formatPosition(p engine.Position) string {
	if len(p) > maxLogs {
		return ""
	}
	items := make([]string, 0, 2*len(p))
	for _, log := range slices.Sorted(maps.Keys(p)) {
		items = append(items, strconv.FormatUint(uint64(log), base), strconv.FormatUint(p[log], base))
	}
	return strings.Join(items, ".")
}

// parsePosition reads what formatPosition wrote.
func parsePosition(text string) (p engine.Position, ok bool) {
	if text == "" {
		return nil, true
	}
	items := strings.Split(text, ".")
	if len(items)%2 != 0 || len(items) > 2*maxLogs {
		return nil, false
	}
	p = engine.Position{}
	for i := 0; i < len(items); i += 2 {
		log, logErr := strconv.ParseUint(items[i], base, 32)
		number, numberErr := strconv.ParseUint(items[i+1], base, 64)
		if logErr != nil || numberErr != nil {
			return nil, false
		}
		p[uint32(log)] = number
	}
	return p, true
}
