package sqlconn_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
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

// SQLite's driver returns that the context ended even if the statement was done before.
func TestAutocommittedStatementsThatMayBeDoneSaySo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		autocommit, left bool // left before the statement is sent
		want             error
	}{
		"by itself":        {true, false, dberr.ErrCommitUnknown},
		"in a transaction": {false, false, context.Canceled},
		"not sent":         {true, true, context.Canceled},
	} {
		ctx, leave := context.WithCancel(t.Context())
		f := &fakeDriver{execErr: context.Canceled, interrupt: leave}
		s := f.session(t, dburl.SQLite)
		if test.left {
			leave()
		}
		err := s.run(&sqlconn.Call{Caller: ctx, On: s.conn, Autocommit: test.autocommit})
		require.ErrorIs(t, err, test.want, name)
		assert.Equal(t, test.want == dberr.ErrCommitUnknown, errors.Is(err, dberr.ErrCommitUnknown), name) //nolint:errorlint // it is the sentinel itself
		assert.False(t, s.conn.Broken(), name)
	}
}
