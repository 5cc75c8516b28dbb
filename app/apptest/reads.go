package apptest

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// RowsRead returns how many rows and index entries the database reads while do runs in a transaction. It
// returns -1 on SQLite, which does not count them. On PostgreSQL sequential scans and sorts are
// discouraged, so that a small table is read by its indexes as a large one would be.
func RowsRead(t testing.TB, s *Server, do func(db *dbmodule.Session)) int64 {
	t.Helper()
	db := s.Sessions.New()
	defer func() { assert.NoError(t, db.Close()) }()
	read := readByMySQL
	switch s.DB.Engine() {
	case dbmodule.MySQL:
	case dbmodule.PostgreSQL:
		for _, way := range []string{"enable_seqscan", "enable_sort", "enable_incremental_sort", "jit"} {
			_, err := db.ExecContext(t.Context(), "SET LOCAL "+way+" = off")
			require.NoError(t, err)
		}
		read = readByPostgreSQL
	default:
		do(db)
		return -1
	}
	counted := func() int64 {
		n, err := read(t.Context(), db)
		require.NoError(t, err)
		return n
	}
	first := counted()
	before := counted()
	do(db)
	return counted() - before - (before - first) // reading the counters reads some rows too
}

// Reading is how much PostgreSQL reads for a statement with the plan that it chooses itself.
type Reading struct {
	// Pages is the number of pages of tables and indexes, cached or not. Unlike [RowsRead], it
	// also counts index entries that a scan skips.
	Pages int64
	// Rows is the number of rows and index entries, including those that a filter removes.
	Rows int64
	// Expected is PostgreSQL's estimate of the number of rows in the result.
	Expected int64
}

// Analyze runs a statement with EXPLAIN ANALYZE on PostgreSQL, and returns how much it reads.
func Analyze(t testing.TB, s *Server, statement string) Reading {
	t.Helper()
	var text string
	require.NoError(t, s.DB.DB().NewRaw("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+statement).Scan(t.Context(), &text))
	var plans []struct{ Plan planNode }
	require.NoError(t, json.Unmarshal([]byte(text), &plans))
	require.Len(t, plans, 1, text)
	top := plans[0].Plan
	return Reading{Pages: top.Hit + top.Read, Rows: int64(top.rows()), Expected: top.Expected}
}

// planNode is a step of a plan.
type planNode struct {
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Hit      int64   `json:"Shared Hit Blocks"`
	Read     int64   `json:"Shared Read Blocks"`
	Expected int64   `json:"Plan Rows"`
	Loops    float64 `json:"Actual Loops"`
	Actual   float64 `json:"Actual Rows"`            // in a loop
	LeftOut  float64 `json:"Rows Removed by Filter"` // in a loop
	Plans    []planNode
}

// rows returns how many rows the step and the steps below it read.
func (n planNode) rows() (sum float64) {
	if n.Relation != "" || n.Index != "" {
		sum = n.Loops * (n.Actual + n.LeftOut)
	}
	for _, below := range n.Plans {
		sum += below.rows()
	}
	return sum
}

func readByMySQL(ctx context.Context, db bun.IDB) (sum int64, err error) {
	var counters []struct {
		Name  string `bun:"Variable_name"`
		Value int64  `bun:"Value"`
	}
	if err := db.NewRaw("SHOW SESSION STATUS LIKE 'Handler_%'").Scan(ctx, &counters); err != nil {
		return 0, err
	}
	for _, c := range counters {
		if strings.HasPrefix(c.Name, "Handler_read_") || c.Name == "Handler_icp_attempts" {
			sum += c.Value
		}
	}
	return sum, nil
}

// readByPostgreSQL returns how many rows and index entries this transaction has read.
func readByPostgreSQL(ctx context.Context, db bun.IDB) (sum int64, err error) {
	err = db.NewRaw("SELECT sum(pg_stat_get_xact_tuples_returned(oid) + CASE relkind WHEN 'r' THEN pg_stat_get_xact_tuples_fetched(oid) ELSE 0 END) "+
		"FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = current_schema()::regnamespace").Scan(ctx, &sum)
	return sum, err
}
