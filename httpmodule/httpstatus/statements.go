package httpstatus

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// mostStatements bounds how many different statements are kept, listed how
	// many are shown.
	mostStatements = 200
	listed         = 15
	longestText    = 500
)

// statements counts what takes time: statements by their text without values, or requests by
// their routes.
type statements struct {
	mu    sync.Mutex
	byKey map[statementKey]*statementStats
}

// statementKey is what counts as one statement. The database is "" for the server's own.
type statementKey struct{ database, text string }

type statementStats struct {
	count      int64
	total, max time.Duration
	// slots count durations: each slot ends at √2 times the one before, from
	// 10 µs on.
	slots [48]int64
}

// Statement is a statement of the page, or a route, whose Text is as "GET /books/:id".
type Statement struct {
	// Database is the name of another database than the server's own.
	Database string `json:"database,omitempty"`

	Text  string `json:"text"`
	Count int64  `json:"count"`
	// In seconds. P50 and P95 are the durations that half and 95 % stay below, estimated:
	// wrong by at most half.
	Total float64 `json:"total"`
	Max   float64 `json:"max"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
}

func (s *statements) add(key statementKey, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.byKey[key]
	if stats == nil {
		if len(s.byKey) >= mostStatements {
			s.dropCheapest()
		}
		stats = &statementStats{}
		s.byKey[key] = stats
	}
	stats.add(took)
}

func (s *statementStats) add(took time.Duration) {
	s.count++
	s.total += took
	s.max = max(s.max, took)
	s.slots[slotOf(took)]++
}

// latency counts how long requests took since somebody asked.
type latency struct {
	mu    sync.Mutex
	since statementStats
}

func (l *latency) add(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since.add(took)
}

// take returns what half and 95 % of the requests stayed below, in seconds, 0 without any,
// and begins anew.
func (l *latency) take() (p50, p95 float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since.count > 0 {
		p50, p95 = l.since.below(0.5).Seconds(), l.since.below(0.95).Seconds()
	}
	l.since = statementStats{}
	return p50, p95
}

func (s *statements) dropCheapest() {
	var cheapest statementKey
	least := time.Duration(math.MaxInt64)
	for key, stats := range s.byKey {
		if stats.total < least {
			cheapest, least = key, stats.total
		}
	}
	delete(s.byKey, cheapest)
}

const firstSlot = 10 * time.Microsecond

func slotOf(took time.Duration) int {
	if took <= firstSlot {
		return 0
	}
	slot := int(math.Ceil(2 * math.Log2(float64(took)/float64(firstSlot))))
	return min(slot, len(statementStats{}.slots)-1)
}

// below estimates the duration that this share of all stays below, as if those of a slot were
// spread evenly over it.
func (s *statementStats) below(share float64) time.Duration {
	wanted := float64(s.count) * share
	for slot, n := range s.slots {
		if wanted <= float64(n) {
			from, to := endOf(slot-1), min(endOf(slot), s.max)
			return min(s.max, from+time.Duration(float64(to-from)*math.Ceil(wanted)/float64(n)))
		}
		wanted -= float64(n)
	}
	return s.max
}

// endOf is where a slot ends, 0 for the one before the first.
func endOf(slot int) time.Duration {
	if slot < 0 {
		return 0
	}
	return time.Duration(float64(firstSlot) * math.Pow(2, float64(slot)/2))
}

// slowest lists the statements in which one of 20 takes longest.
func (s *statements) slowest() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Statement, 0, len(s.byKey))
	for key, stats := range s.byKey {
		all = append(all, Statement{
			Database: key.database, Text: key.text, Count: stats.count, Total: stats.total.Seconds(), Max: stats.max.Seconds(), P50: stats.below(0.5).Seconds(), P95: stats.below(0.95).Seconds(),
		})
	}
	slices.SortFunc(all, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(b.P95, a.P95), cmp.Compare(b.Max, a.Max), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Database, b.Database))
	})
	return all[:min(len(all), listed)]
}

// withoutLists shortens lists of values and of rows, so that statements which differ in
// nothing but how many there are count as one.
func withoutLists(text string) string {
	text = withoutRepeats(withoutRepeats(text, "?"), "(?, …)")
	_, rows, found := strings.Cut(text, "VALUES (")
	if row, _, closed := strings.Cut(rows, ")"); found && closed {
		text = withoutRepeats(text, "("+row+")")
	}
	return text
}

// withoutRepeats keeps the first of several that stand in a list.
func withoutRepeats(text, one string) string {
	more := ", " + one
	var b strings.Builder
	for {
		at := strings.Index(text, one+more)
		if at < 0 {
			return b.String() + text
		}
		b.WriteString(text[:at] + one + ", …")
		text = text[at+len(one):]
		for strings.HasPrefix(text, more) {
			text = text[len(more):]
		}
	}
}
