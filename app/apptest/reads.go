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

// RowsRead is how many rows and index entries a server reads for what is done with a
// session in a transaction; -1 on SQLite, which does not tell. On PostgreSQL the transaction
// uses indexes as if the tables were large, in which it would not read few rows one after the other.
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
	return counted() - before - (before - first) // to look at the counters reads some, too
}

// Reading is what PostgreSQL reads for a statement with the plan that it chooses by itself, by other indexes and with a sort
// if it takes that for cheaper.
type Reading struct {
	// Pages are those of tables and indexes, in memory or not. Unlike [RowsRead], they tell what is passed over within an index.
	Pages int64
	// Rows are those of tables and entries of indexes, also those that a condition leaves out.
	Rows int64
	// Expected is how many rows it expects as the result.
	Expected int64
}

// Analyze has PostgreSQL run a statement, and returns what it reads.
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

// rows are those that the step and those below it read.
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

// readByPostgreSQL sums what this transaction has read: rows of tables one after the other or
// by an index, and entries of indexes.
func readByPostgreSQL(ctx context.Context, db bun.IDB) (sum int64, err error) {
	err = db.NewRaw("SELECT sum(pg_stat_get_xact_tuples_returned(oid) + CASE relkind WHEN 'r' THEN pg_stat_get_xact_tuples_fetched(oid) ELSE 0 END) "+
		"FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = current_schema()::regnamespace").Scan(ctx, &sum)
	return sum, err
}
