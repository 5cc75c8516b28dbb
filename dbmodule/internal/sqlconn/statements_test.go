package sqlconn_test

import (
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// Behind a pooler a prepared statement may be that of somebody else.
func TestNothingIsPreparedBeforeItIsKnownWhetherThereIsAPooler(t *testing.T) {
	t.Parallel()
	f := &fakeDriver{askErr: &pgconn.PgError{Code: "57014", Message: "canceling statement due to user request"}, queryErr: io.EOF}
	connector := f.connector(dburl.PostgreSQL)
	connector.StatementCache = 1
	conn, err := connector.Connect(t.Context())
	require.NoError(t, err)
	query := func() {
		rows, err := conn.QueryContext(t.Context(), "SELECT a FROM t WHERE id = 1", nil)
		require.NoError(t, err)
		require.NoError(t, rows.Close())
	}
	for range 3 {
		query()
	}
	assert.Zero(t, f.prepares)
	f.askErr = nil
	query() // the first time, as text
	query()
	assert.Equal(t, 1, f.prepares)
}
