package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// elsewhere runs DDL as another process does.
func elsewhere(t *testing.T, db *dbmodule.Database, statement string) {
	t.Helper()
	_, err := dbtest.Open(t, dbmodule.ConfigOf(db)).DB().ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

// outdate makes the prepared selectAll stale, which PostgreSQL would answer with
// other columns than it promised.
func outdate(t *testing.T, db *dbmodule.Database) {
	t.Helper()
	for range 2 {
		require.NoError(t, selectAll(t.Context(), db.DB()))
	}
	require.Contains(t, kept(t, db), allAccounts)
	var columns int
	require.NoError(t, db.DB().NewRaw("SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'accounts'::regclass").Scan(t.Context(), &columns))
	elsewhere(t, db, fmt.Sprintf("ALTER TABLE accounts ADD COLUMN extra%d INT", columns))
}

const allAccounts = "SELECT * FROM accounts"

func selectAll(ctx context.Context, db bun.IDB) error {
	var rows []map[string]any
	return db.NewRaw(allAccounts).Scan(ctx, &rows)
}

// A transaction whose first statement is stale begins again as it was.
func TestTransactionBeginsAgainAsItWas(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		const settings = "SELECT current_setting('transaction_isolation') || ', read only ' || current_setting('transaction_read_only')"
		for _, test := range []struct {
			options sql.TxOptions
			want    string
		}{
			{sql.TxOptions{}, "read committed, read only off"},
			{sql.TxOptions{ReadOnly: true}, "read committed, read only on"},
			{sql.TxOptions{Isolation: sql.LevelRepeatableRead}, "repeatable read, read only off"},
			{sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}, "repeatable read, read only on"},
			{sql.TxOptions{Isolation: sql.LevelSerializable}, "serializable, read only off"},
		} {
			outdate(t, db)
			tx, err := db.DB().BeginTx(t.Context(), &test.options)
			require.NoError(t, err)
			require.NoError(t, selectAll(t.Context(), tx), test.want)
			got, err := read(t.Context(), tx, settings)
			require.NoError(t, err)
			assert.Equal(t, []string{test.want}, got)
			require.NoError(t, tx.Commit())

			if test.options.ReadOnly {
				continue
			}
			outdate(t, db)
			name := test.want
			require.NoError(t, insert(t.Context(), db.DB(), "before "+name))
			s := db.Sessions().New(dbmodule.Isolation(test.options.Isolation))
			require.NoError(t, selectAll(t.Context(), s), test.want)
			got, err = read(t.Context(), s, settings)
			require.NoError(t, err)
			assert.Equal(t, []string{test.want}, got)
			require.NoError(t, insert(t.Context(), s, name))
			require.NoError(t, s.Rollback(t.Context()))
			require.NoError(t, s.Close())
			assert.NotContains(t, names(t, db), name, "a transaction is open again")
		}
	})
}

// A transaction that did something is not begun again: that would be lost.
func TestTransactionThatDidSomethingDoesNotBeginAgain(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		unit := func(name string, attempts *int) func(ctx context.Context, s *dbmodule.Session) error {
			return func(ctx context.Context, s *dbmodule.Session) error {
				*attempts++
				if err := insert(ctx, s, name); err != nil {
					return err
				}
				return selectAll(ctx, s)
			}
		}
		var once, repeated, nested int
		outdate(t, db)
		err := db.Sessions().InTx(t.Context(), unit("once", &once), dbmodule.MaxAttempts(1))
		require.ErrorIs(t, err, dbmodule.ErrConflict)
		assert.Equal(t, 1, once)
		assert.Empty(t, names(t, db))

		outdate(t, db)
		require.NoError(t, db.Sessions().InTx(t.Context(), unit("repeated", &repeated)))
		assert.Equal(t, 2, repeated)
		assert.Equal(t, []string{"repeated"}, names(t, db))

		outdate(t, db)
		err = db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			return s.InNested(ctx, func(ctx context.Context) error {
				nested++
				return selectAll(ctx, s)
			})
		}, dbmodule.MaxAttempts(1))
		require.ErrorIs(t, err, dbmodule.ErrConflict)
		assert.Equal(t, 1, nested)
	})
}

// A transaction that could not begin again takes no statement: each would be
// stored by itself.
func TestTransactionThatFailedToBeginAgainIsOver(t *testing.T) {
	t.Parallel()
	db, proxy := pipelined(t)
	conn, err := db.DB().Conn(t.Context())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	for range 2 {
		require.NoError(t, selectAll(t.Context(), conn))
	}
	require.NoError(t, dbmodule.FailPrepared(conn, func() error {
		proxy.Cut()
		return &pgconn.PgError{Code: "0A000", Message: "cached plan must not change result type"}
	}))
	tx, err := conn.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	require.ErrorIs(t, selectAll(t.Context(), tx), dbmodule.ErrConflict)
	require.ErrorIs(t, insert(t.Context(), tx, "alone"), dbmodule.ErrPendingRollback)
	require.ErrorIs(t, tx.Commit(), dbmodule.ErrPendingRollback)
	_ = conn.Close() // with its transaction
	assert.NotContains(t, names(t, db), "alone", "on another connection")
}

// A statement that went stale is prepared again, and the one before is closed.
func TestStaleStatementIsPreparedAgain(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		outdate(t, db)
		require.NoError(t, selectAll(t.Context(), db.DB()))
		assert.NotContains(t, kept(t, db), allAccounts)
		require.NoError(t, selectAll(t.Context(), db.DB()))
		assert.Contains(t, kept(t, db), allAccounts)
		var onServer int
		require.NoError(t, db.DB().NewRaw("SELECT count(*) FROM pg_prepared_statements WHERE statement = ?", allAccounts).Scan(t.Context(), &onServer))
		assert.Equal(t, 1, onServer)
	})
}

// A column that got another type does not take the parameter of before, or not
// its value.
func TestColumnChangesItsTypeUnderPreparedStatements(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		_, err := db.DB().NewInsert().Model(&Account{Name: "a", Balance: 7}).Exec(t.Context())
		require.NoError(t, err)
		byText := func(db bun.IDB, balance string) ([]string, error) {
			return read(t.Context(), db, "SELECT name FROM accounts WHERE balance = '"+balance+"'")
		}
		for _, within := range []bool{false, true} {
			for i := range 3 {
				_, err := byText(db.DB(), fmt.Sprint(i))
				require.NoError(t, err)
			}
			require.Contains(t, kept(t, db), "SELECT name FROM accounts WHERE balance = $1")
			elsewhere(t, db, "ALTER TABLE accounts ALTER COLUMN balance TYPE text")
			if within {
				require.NoError(t, db.DB().RunInTx(t.Context(), nil, func(_ context.Context, tx bun.Tx) error {
					_, err := byText(tx, "seven")
					return err
				}))
			} else {
				_, err := byText(db.DB(), "seven") // no number
				require.NoError(t, err)
			}
			got, err := byText(db.DB(), "7")
			require.NoError(t, err)
			assert.Equal(t, []string{"a"}, got)
			elsewhere(t, db, "ALTER TABLE accounts ALTER COLUMN balance TYPE bigint USING balance::bigint")
		}
	})
}

// What MySQL says about a statement that it does not know any more, or failed to
// prepare again, costs nothing, not even in a transaction that did something.
func TestStaleStatementOnMySQL(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.MySQL, 10, func(t *testing.T, db *dbmodule.Database) {
		conn, err := db.DB().Conn(t.Context())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		var want []string
		for _, number := range []uint16{1243, 1615} {
			for i := range 3 {
				name := fmt.Sprint(number, " ", i)
				require.NoError(t, insert(t.Context(), conn, name))
				run(t, conn, aliased("a"))
				want = append(want, name)
			}
			before, err := dbmodule.PreparedOn(conn)
			require.NoError(t, err)
			require.Contains(t, before, preparedAs(db.Engine(), "a"))

			tx, err := conn.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			for i, name := range []string{"first", "second"} {
				name = fmt.Sprint(number, " ", name)
				want = append(want, name)
				require.NoError(t, dbmodule.FailPrepared(conn, func() error {
					return &mysql.MySQLError{Number: number, Message: "stale"}
				}))
				require.NoError(t, insert(t.Context(), tx, name))
				run(t, tx, aliased("a"))
				during, err := dbmodule.PreparedOn(conn)
				require.NoError(t, err)
				assert.Len(t, during, len(before)-2, "%d", i)
				assert.NotContains(t, during, preparedAs(db.Engine(), "a"))
				require.NoError(t, insert(t.Context(), tx, name+" again"))
				run(t, tx, aliased("a"))
				want = append(want, name+" again")
				again, err := dbmodule.PreparedOn(conn)
				require.NoError(t, err)
				assert.Equal(t, before, again, "%d", i)
			}
			require.NoError(t, tx.Commit())
		}
		require.NoError(t, conn.Close())
		assert.Equal(t, want, names(t, db))
	})
}
