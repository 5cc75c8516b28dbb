package httpstatus

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule"
)

func TestLatency(t *testing.T) {
	t.Parallel()
	l := latency{}
	p50, p95 := l.take()
	assert.Zero(t, p50+p95, "no requests")
	for range 90 {
		l.add(10 * time.Millisecond)
	}
	for range 10 {
		l.add(time.Second)
	}
	p50, p95 = l.take()
	assert.InDelta(t, .010, p50, .003)
	assert.InDelta(t, .95, p95, .06)
	p50, p95 = l.take()
	assert.Zero(t, p50+p95, "those since the last time")
}

// Different loads have different figures, though they end in the same slot.
func TestPercentilesAreEstimatedWithinASlot(t *testing.T) {
	t.Parallel()
	even := statementStats{}
	for i := 1; i <= 1000; i++ {
		even.add(time.Duration(i) * time.Millisecond)
	}
	for share, want := range map[float64]time.Duration{.1: 100, .5: 500, .6: 600, .95: 950, .99: 990} {
		assert.InEpsilon(t, want*time.Millisecond, even.quantile(share), .05, "%v", share)
	}
	one := statementStats{}
	one.add(3 * time.Millisecond)
	assert.Equal(t, 3*time.Millisecond, one.quantile(.5))
}

// What differs in the number of values or rows alone is one statement.
func TestListsOfValuesAndRowsAreShortened(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"VALUES (?, ?, ?), (?, ?, ?), (?, ?, ?) RETURNING id": "VALUES (?, …), … RETURNING id",
		"VALUES (?, ?), (?, ?)":                               "VALUES (?, …), …",
		"VALUES (?, ?)":                                       "VALUES (?, …)",
		"id IN (?, ?, ?) AND n IN (?, ?) AND m = ?":           "id IN (?, …) AND n IN (?, …) AND m = ?",
		"INSERT INTO t (a) VALUES (?), (?), (?)":              "INSERT INTO t (a) VALUES (?), …",
		"INSERT INTO t (id, a, b) VALUES (DEFAULT, ?, ?), (DEFAULT, ?, ?) RETURNING id": "INSERT INTO t (id, a, b) VALUES (DEFAULT, ?, …), … RETURNING id",
		"INSERT INTO t (a) VALUES (": "INSERT INTO t (a) VALUES (",
		"SELECT 1":                   "SELECT 1",
	} {
		assert.Equal(t, want, withoutLists(text))
	}
}

// A list that lacks something says so.
func TestTablesNote(t *testing.T) {
	t.Parallel()
	whole := []Table{{Name: "(the whole file)", Bytes: smallFile + 1}}
	assert.Contains(t, tablesNote(dbmodule.SQLite, whole), "up to 64 MiB")
	assert.Empty(t, tablesNote(dbmodule.SQLite, append(whole[:1:1], Table{Name: "books"})))
	assert.Empty(t, tablesNote(dbmodule.PostgreSQL, whole))
}
