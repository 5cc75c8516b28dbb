package apptest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

// Explain returns the plan of a statement, in lower case. It contains the word "sort" if the engine sorts
// rows. On PostgreSQL sorting is discouraged, so that it sorts only if no index has the order.
func Explain(t testing.TB, s *Server, statement string) string {
	t.Helper()
	prefix := "EXPLAIN "
	if s.DB.Engine() == dbmodule.SQLite {
		prefix = "EXPLAIN QUERY PLAN "
	}
	conn, err := s.DB.DB().Conn(t.Context())
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close()) }()
	if s.DB.Engine() == dbmodule.PostgreSQL {
		for _, way := range []string{"enable_sort", "enable_incremental_sort", "jit"} {
			_, err := conn.ExecContext(t.Context(), "SET "+way+" = off")
			require.NoError(t, err)
		}
	}
	rows, err := conn.QueryContext(t.Context(), prefix+statement)
	require.NoError(t, err)
	defer func() { assert.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	var lines []string
	for rows.Next() {
		values, pointers := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		require.NoError(t, rows.Scan(pointers...))
		var words []string
		for _, value := range values {
			if b, ok := value.([]byte); ok {
				value = string(b)
			}
			words = append(words, fmt.Sprint(value))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	require.NoError(t, rows.Err())
	plan := strings.Join(lines, "\n")
	for _, name := range []string{"title_sort", "TITLE_SORT"} { // a name must not look like a sort
		plan = strings.ReplaceAll(plan, name, "title_s")
	}
	return strings.ReplaceAll(strings.ToLower(plan), "temp b-tree for order by", "sort")
}
