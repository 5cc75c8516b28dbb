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
	assert.InDelta(t, .0125, p50, .0025)
	assert.InDelta(t, 1, p95, .001)
	p50, p95 = l.take()
	assert.Zero(t, p50+p95, "those since the last time")
}

// A list that lacks something says so.
func TestTablesNote(t *testing.T) {
	t.Parallel()
	whole := []Table{{Name: "(the whole file)", Bytes: smallFile + 1}}
	assert.Contains(t, tablesNote(dbmodule.SQLite, whole), "up to 64 MiB")
	assert.Empty(t, tablesNote(dbmodule.SQLite, append(whole[:1:1], Table{Name: "books"})))
	assert.Empty(t, tablesNote(dbmodule.PostgreSQL, whole))
}
