package dbmodule_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestReadOnlySessionReadsAndRefusesToWrite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		require.NoError(t, insert(ctx, db.DB(), "a"))
		for name, options := range map[string][]dbmodule.SessionOption{
			"read-only": {dbmodule.ReadOnly()}, "snapshot": {dbmodule.Snapshot()},
		} {
			t.Run(name, func(t *testing.T) {
				s := db.Sessions().New(options...)
				defer func() { assert.NoError(t, s.Close()) }()
				assert.True(t, s.ReadOnly())
				require.NoError(t, s.NewSelect().Model(new(Account)).Limit(1).Scan(ctx))
				err := insert(ctx, s, "b")
				require.ErrorIs(t, err, dbmodule.ErrReadOnly)
				require.ErrorIs(t, err, dbmodule.ErrReadOnlySession)
				assert.Equal(t, "read_only_session", dbmodule.ErrorKind(err))
				var typed *dbmodule.Error
				require.ErrorAs(t, err, &typed)
				assert.NotEmpty(t, typed.Code)
				require.ErrorIs(t, insert(ctx, s, "b"), dbmodule.ErrReadOnlySession, "pending")
				require.NoError(t, s.Rollback(ctx))
				_, err = s.ExecContext(ctx, "UPDATE accounts SET balance = 1")
				require.ErrorIs(t, err, dbmodule.ErrReadOnly)
				require.NoError(t, s.Rollback(ctx))
				_, err = s.NewDelete().Model((*Account)(nil)).Where("1 = 1").Exec(ctx)
				require.ErrorIs(t, err, dbmodule.ErrReadOnly)
			})
		}
		assert.Equal(t, []string{"a"}, names(t, db))
		assert.Zero(t, db.Stats().InUse)
		// The connections that were refused a write are usable for writing.
		require.NoError(t, insert(ctx, db.DB(), "b"))
	})
}

// DDL, too, which MySQL does not refuse by itself.
func TestReadOnlySessionRefusesDDL(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		require.NoError(t, insert(t.Context(), db.DB(), "a"))
		for name, options := range map[string][]dbmodule.SessionOption{"read-only": {dbmodule.ReadOnly()}, "snapshot": {dbmodule.Snapshot()}} {
			statements := []string{
				"CREATE TABLE others (id INTEGER)", "/* all */ DROP TABLE accounts", "ALTER TABLE accounts ADD COLUMN more INTEGER", "CREATE INDEX by_balance ON accounts (balance)",
			}
			if db.Engine() == dbmodule.MySQL {
				statements = append(statements, "/*!40101 CREATE TABLE others (id INTEGER) */", "SET STATEMENT max_statement_time = 5 FOR CREATE TABLE others (id INTEGER)",
					"BEGIN NOT ATOMIC CREATE TABLE others (id INTEGER); END", "ANALYZE TABLE accounts", "LOCK TABLES accounts WRITE")
			}
			for _, statement := range statements {
				s := db.Sessions().New(options...)
				_, err := s.ExecContext(t.Context(), statement)
				require.ErrorIs(t, err, dbmodule.ErrReadOnlySession, "%s: %s", name, statement)
				require.ErrorIs(t, s.Commit(t.Context()), dbmodule.ErrPendingRollback, "%s: %s", name, statement)
				rows, err := s.QueryContext(t.Context(), statement)
				require.ErrorIs(t, err, dbmodule.ErrReadOnlySession, "%s: %s", name, statement)
				assert.Nil(t, rows)
				require.NoError(t, s.Close())
			}
		}
		assert.Equal(t, []string{"a"}, names(t, db))
		_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE others (id INTEGER)")
		require.NoError(t, err, "it was not made")
	})
}

func TestSnapshotSeesOneState(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		require.NoError(t, insert(ctx, db.DB(), "a"))
		count := func(s *dbmodule.Session) int64 {
			n, err := s.NewSelect().Model((*Account)(nil)).Count(ctx)
			require.NoError(t, err)
			return n
		}
		plain, snapshot := db.Sessions().New(dbmodule.ReadOnly()), db.Sessions().New(dbmodule.Snapshot())
		assert.Equal(t, []int64{1, 1}, []int64{count(plain), count(snapshot)})
		require.NoError(t, insert(ctx, db.DB(), "b"))
		assert.Equal(t, []int64{2, 1}, []int64{count(plain), count(snapshot)})
		require.NoError(t, plain.Close())
		require.NoError(t, snapshot.Close())
	})
}

func TestReadOnlySelectNeedsNoTransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.Echo = dbmodule.EchoOn
		core, logs := observer.New(zap.InfoLevel)
		db, err := dbmodule.Open(cfg, zap.New(core))
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		begins := func(query string) bool {
			logs.TakeAll()
			s := db.Sessions().New(dbmodule.ReadOnly())
			_, err := s.NewRaw(query).Exec(t.Context())
			require.NoError(t, err, query)
			rows, err := s.QueryContext(t.Context(), query)
			require.NoError(t, err, query)
			require.NoError(t, rows.Close())
			require.NoError(t, s.Close())
			for _, entry := range logs.TakeAll() {
				if entry.ContextMap()["statement"] == "BEGIN" {
					return true
				}
			}
			return false
		}
		one := func(query string) bool {
			logs.TakeAll()
			s := db.Sessions().New(dbmodule.ReadOnly())
			rows, err := s.QueryContext(t.Context(), query)
			require.NoError(t, err, query)
			require.NoError(t, rows.Close())
			require.NoError(t, s.Close())
			for _, entry := range logs.TakeAll() {
				if entry.ContextMap()["statement"] == "BEGIN" {
					return true
				}
			}
			return false
		}
		assert.False(t, one("SELECT 1"))
		assert.False(t, one("select\n1"))
		assert.True(t, one("WITH x AS (SELECT 1) SELECT * FROM x"))
		assert.True(t, begins("SELECT 1"), "Exec can't be told from a write")
	})
}

// A SELECT that sets something for the statements after it, such as the tenant of a request, is in a
// transaction with them.
func TestReadOnlySessionKeepsWhatASelectSets(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *dbmodule.Database) {
		ctx := t.Context()
		set, get := "SELECT set_config('my.tenant', 'blue', true)", "SELECT coalesce(current_setting('my.tenant', true), '')"
		switch db.Engine() {
		case dbmodule.SQLite:
			return // no SELECT sets anything there
		case dbmodule.MySQL:
			set, get = "SELECT @tenant := 'blue'", "SELECT coalesce(@tenant, '')"
		}
		value := func(s *dbmodule.Session, query string) (value string, err error) {
			err = s.NewRaw(query).Scan(ctx, &value)
			return value, err
		}
		for name, change := range map[string]func(s *dbmodule.Session) error{
			"a builder's": func(s *dbmodule.Session) error { _, err := value(s, set); return err },
			"a row": func(s *dbmodule.Session) error {
				var blue string
				return s.QueryRowContext(ctx, set).Scan(&blue)
			},
			"rows": func(s *dbmodule.Session) error {
				rows, err := s.QueryContext(ctx, set)
				if err != nil {
					return err
				}
				return errors.Join(rows.Err(), rows.Close())
			},
			"no result": func(s *dbmodule.Session) error { _, err := s.ExecContext(ctx, set); return err },
		} {
			s := db.Sessions().New(dbmodule.ReadOnly())
			before, err := value(s, get)
			require.NoError(t, err, name)
			require.NoError(t, change(s), name)
			after, err := value(s, get)
			require.NoError(t, err, name)
			require.NoError(t, s.Close())
			assert.Equal(t, []string{"", "blue"}, []string{before, after}, name)
		}
		assert.Zero(t, db.Stats().InUse)
	})
}
