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

// PagesRead is how many pages of tables and indexes PostgreSQL reads for a statement, in memory or not, with the plan
// that it chooses by itself, and how many rows it expects. Unlike [RowsRead], it tells what is passed over within an index.
func PagesRead(t testing.TB, s *Server, statement string) (pages, expected int64) {
	t.Helper()
	var text string
	require.NoError(t, s.DB.DB().NewRaw("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+statement).Scan(t.Context(), &text))
	var plans []struct {
		Plan struct {
			Hit  int64 `json:"Shared Hit Blocks"`
			Read int64 `json:"Shared Read Blocks"`
			Rows int64 `json:"Plan Rows"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &plans))
	require.Len(t, plans, 1, text)
	return plans[0].Plan.Hit + plans[0].Plan.Read, plans[0].Plan.Rows
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
