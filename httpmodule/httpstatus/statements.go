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
	// maxStatements is how many different statements are kept, maxListed how many are shown, and
	// maxText how many bytes of a statement are kept.
	maxStatements = 200
	maxListed     = 15
	maxText       = 500
)

// statements has the durations of statements, by their text without values, or of requests, by
// their route.
type statements struct {
	mu    sync.Mutex
	byKey map[statementKey]*statementStats
}

// statementKey identifies a statement. The database is "" for the server's own.
type statementKey struct{ database, text string }

type statementStats struct {
	count      int64
	total, max time.Duration
	// slots is a histogram. The first slot ends at 10 µs, each other one at √2 times the end of
	// the previous slot.
	slots [48]int64
}

// Statement are the durations of a statement, or of a route: Text is "GET /books/:id" then.
type Statement struct {
	// Database is the database's name, "" for the server's own.
	Database string `json:"database,omitempty"`

	Text  string `json:"text"`
	Count int64  `json:"count"`
	// The durations are in seconds. P50 and P95, the median and the 95th percentile, are
	// estimates, wrong by at most half.
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
		if len(s.byKey) >= maxStatements {
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

// latency has the durations of the requests since the last call of take.
type latency struct {
	mu    sync.Mutex
	stats statementStats
}

func (l *latency) add(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.add(took)
}

// take returns the median and the 95th percentile in seconds, 0 without requests, and resets the
// statistics.
func (l *latency) take() (p50, p95 float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stats.count > 0 {
		p50, p95 = l.stats.quantile(0.5).Seconds(), l.stats.quantile(0.95).Seconds()
	}
	l.stats = statementStats{}
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

// quantile estimates the duration below which this share of all durations is. It assumes that the
// durations of a slot are spread evenly over the slot.
func (s *statementStats) quantile(share float64) time.Duration {
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

// endOf returns the end of a slot, 0 for slot -1.
func endOf(slot int) time.Duration {
	if slot < 0 {
		return 0
	}
	return time.Duration(float64(firstSlot) * math.Pow(2, float64(slot)/2))
}

// slowest returns the statements with the largest 95th percentiles.
func (s *statements) slowest() []Statement {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Statement, 0, len(s.byKey))
	for key, stats := range s.byKey {
		all = append(all, Statement{
			Database: key.database, Text: key.text, Count: stats.count, Total: stats.total.Seconds(), Max: stats.max.Seconds(), P50: stats.quantile(0.5).Seconds(), P95: stats.quantile(0.95).Seconds(),
		})
	}
	slices.SortFunc(all, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(b.P95, a.P95), cmp.Compare(b.Max, a.Max), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Database, b.Database))
	})
	return all[:min(len(all), maxListed)]
}

// withoutLists shortens lists of values and of rows, so that statements that differ only in the
// number of values or rows count as one.
func withoutLists(text string) string {
	text = withoutRepeats(withoutRepeats(text, "?"), "(?, …)")
	_, rows, found := strings.Cut(text, "VALUES (")
	if row, _, closed := strings.Cut(rows, ")"); found && closed {
		text = withoutRepeats(text, "("+row+")")
	}
	return text
}

// withoutRepeats replaces "one, one, one" by "one, …".
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
