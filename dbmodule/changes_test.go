package dbmodule_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// warm has the query of an alias prepared on the pool's one connection.
func warm(t *testing.T, db *dbmodule.Database) {
	t.Helper()
	for range 2 {
		run(t, db.DB(), aliased("a"))
	}
	require.Contains(t, kept(t, db), preparedAs(db.Engine(), "a"))
}

func inUnit(t *testing.T, db *dbmodule.Database, statements ...string) {
	t.Helper()
	require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
		for _, statement := range statements {
			if _, err := s.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}))
}

// A setting ends with the unit of work that changed it: its connection is closed.
func TestSettingsEndWithTheirUnitOfWork(t *testing.T) {
	t.Parallel()
	settings := map[dbmodule.Engine]struct{ set, read string }{
		dbmodule.SQLite:     {"PRAGMA recursive_triggers = 1", "PRAGMA recursive_triggers"},
		dbmodule.PostgreSQL: {"SET work_mem = '123kB'", "SELECT current_setting('work_mem')"},
		dbmodule.MySQL:      {"SET lock_wait_timeout = 123", "SELECT @@lock_wait_timeout"},
	}
	onOneConnection(t, 10, func(t *testing.T, db *dbmodule.Database) {
		setting := settings[db.Engine()]
		value := func() (text string) {
			require.NoError(t, db.DB().NewRaw(setting.read).Scan(t.Context(), &text))
			return text
		}
		before := value()
		for name, change := range map[string]func(){
			"a session": func() { inUnit(t, db, setting.set) },
			"one that rolls back": func() {
				s := db.Sessions().New()
				_, err := s.ExecContext(t.Context(), setting.set)
				require.NoError(t, err)
				require.NoError(t, s.Close())
			},
			"autocommit": func() {
				s := db.Sessions().New(dbmodule.Autocommit())
				_, err := s.ExecContext(t.Context(), setting.set)
				require.NoError(t, err)
				require.NoError(t, s.Close())
			},
			"bun.DB": func() {
				_, err := db.DB().ExecContext(t.Context(), setting.set)
				require.NoError(t, err)
			},
		} {
			warm(t, db)
			change()
			assert.Equal(t, before, value(), name)
			assert.Empty(t, kept(t, db), name)
		}
	})
}

// A unit of work that changed a setting runs as text from then on, also where that
// ends with the transaction; then its connection goes on with what it had prepared.
func TestUnitsThatChangeSettingsRunAsText(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		for _, statement := range []string{"SET LOCAL work_mem = '123kB'", "SELECT set_config('work_mem', '123kB', true)", "CREATE TEMP TABLE x (a INTEGER) ON COMMIT DROP"} {
			warm(t, db)
			before := kept(t, db)
			require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				if _, err := s.ExecContext(ctx, statement); err != nil {
					return err
				}
				for range 3 {
					run(t, s, aliased("other"))
				}
				return nil
			}))
			assert.Equal(t, before, kept(t, db), statement)
		}
		warm(t, db)
		require.NoError(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			_, err := s.ExecContext(ctx, "SET LOCAL plan_cache_mode = force_custom_plan")
			for range 3 {
				run(t, s, aliased("planned"))
			}
			return err
		}))
		assert.Contains(t, kept(t, db), preparedAs(db.Engine(), "planned"), "it changes no statement's meaning")
	})
}

// A function that somebody wrote may have changed anything.
func TestFunctionsThatAreNotKnown(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		inUnit(t, db, "CREATE FUNCTION use_zone() RETURNS void LANGUAGE sql AS $$ SELECT set_config('timezone', 'Asia/Tokyo', false) $$",
			"CREATE FUNCTION use_nothing() RETURNS void LANGUAGE sql AS $$ SELECT NULL $$")
		warm(t, db)
		inUnit(t, db, "SELECT use_nothing()")
		assert.Empty(t, kept(t, db), "prepared again")

		warm(t, db)
		inUnit(t, db, "SELECT use_zone()")
		run(t, db.DB(), aliased("a"))
		var zone string
		require.NoError(t, db.DB().NewRaw("SELECT current_setting('timezone')").Scan(t.Context(), &zone))
		assert.NotEqual(t, "Asia/Tokyo", zone, "the server told of the setting, and the connection is another")
	})
}

// What a function left in its session nobody finds there, also where the server does not tell
// of it.
func TestFunctionsLeaveNothing(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.PostgreSQL, 10, func(t *testing.T, db *dbmodule.Database) {
		inUnit(t, db, "CREATE SCHEMA tenant", "CREATE TABLE tenant.notes (id INTEGER)", "CREATE TABLE notes (id INTEGER)", "INSERT INTO tenant.notes VALUES (7)",
			"CREATE FUNCTION use_tenant() RETURNS void LANGUAGE sql AS $$ SELECT set_config('search_path', 'tenant', false) $$",
			"CREATE FUNCTION make_temporary() RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE notes AS SELECT 8 AS id; END $$")
		for _, statement := range []string{
			"SELECT use_tenant()", "SELECT public.use_tenant()", "DO $$ BEGIN PERFORM set_config('search_path', 'tenant', false); END $$", "SELECT make_temporary()",
			"DO $$ BEGIN SET ROLE pg_monitor; END $$", "DO $$ BEGIN SET DateStyle = 'German'; END $$",
		} {
			for name, end := range map[string]func(){
				"a session": func() { inUnit(t, db, statement) },
				"autocommit": func() {
					s := db.Sessions().New(dbmodule.Autocommit())
					_, err := s.ExecContext(t.Context(), statement)
					require.NoError(t, err)
					require.NoError(t, s.Close())
				},
				"bun.DB": func() {
					_, err := db.DB().ExecContext(t.Context(), statement)
					require.NoError(t, err)
				},
			} {
				for range 3 { // as text, and prepared
					count, err := db.DB().NewSelect().Table("notes").Count(t.Context())
					require.NoError(t, err)
					require.Zero(t, count, "%s, %s", statement, name)
				}
				end()
			}
			var (
				own   bool
				style string
			)
			require.NoError(t, db.DB().NewRaw("SELECT current_user = session_user, current_setting('DateStyle')").Scan(t.Context(), &own, &style))
			assert.True(t, own, statement)
			assert.Equal(t, "ISO, MDY", style, statement)
		}
	})
}

// A role that a database or an account begins with stays.
func TestFunctionsLeaveTheRole(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t, dbmodule.PostgreSQL)
	inUnit(t, dbtest.Open(t, cfg), `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET role = pg_monitor', current_database()); END $$`,
		"CREATE FUNCTION use_nothing() RETURNS void LANGUAGE sql AS $$ SELECT NULL $$")
	cfg.PoolSize, cfg.MaxOverflow = 1, 0
	db := dbtest.Open(t, cfg)
	for _, statement := range []string{"SELECT use_nothing()", "DO $$ BEGIN SET ROLE none; END $$", "SELECT use_nothing()"} {
		var role string
		require.NoError(t, db.DB().NewRaw("SELECT current_user").Scan(t.Context(), &role))
		assert.Equal(t, "pg_monitor", role, statement)
		inUnit(t, db, statement)
	}
}

// A procedure may set variables, which only the end of their session resets on MySQL.
func TestProceduresLeaveNothing(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.MySQL, 10, func(t *testing.T, db *dbmodule.Database) {
		inUnit(t, db, "CREATE TABLE notes (id INTEGER)", "CREATE PROCEDURE use_mode() BEGIN SET SESSION lock_wait_timeout = 123, @left = 1; END")
		for _, statement := range []string{
			"CALL use_mode()", "EXECUTE IMMEDIATE 'SET @left = 1'", "SELECT 1 INTO @left", "LOCK TABLES notes READ", "/*!40101 SET SESSION lock_wait_timeout = 123 */",
			"SET STATEMENT max_statement_time = 5 FOR CALL use_mode()", "BEGIN NOT ATOMIC SET SESSION lock_wait_timeout = 123, @left = 1; END", "IF 1 THEN SET @left = 1; END IF",
		} {
			inUnit(t, db, statement)
			_, err := db.DB().ExecContext(t.Context(), "INSERT INTO notes (id) VALUES (1)")
			require.NoError(t, err, statement)
			var left *int64
			var timeout int64
			require.NoError(t, db.DB().NewRaw("SELECT @left, @@lock_wait_timeout").Scan(t.Context(), &left, &timeout))
			assert.Nil(t, left, statement)
			assert.NotEqual(t, int64(123), timeout, statement)
		}
	})
}

// Locks and cursors that no end of a transaction releases end with their unit of work, also if
// that failed and could not release them.
func TestLocksAndCursorsEndWithTheirUnitOfWork(t *testing.T) {
	t.Parallel()
	for engine, left := range map[dbmodule.Engine]struct {
		statements []string
		count      string
	}{
		dbmodule.PostgreSQL: {
			[]string{
				"SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock_shared(1)", "DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$",
				"DECLARE held CURSOR WITH HOLD FOR SELECT 1",
			},
			`SELECT (SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE locktype = 'advisory' AND datname = current_database()) +
				(SELECT count(*) FROM pg_cursors WHERE name = 'held')`,
		},
		dbmodule.MySQL: {[]string{"SELECT GET_LOCK('held', 1)", "DO GET_LOCK('held', 1)"}, "SELECT IS_USED_LOCK('held') IS NOT NULL"},
	} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			onOneConnectionOf(t, engine, 10, func(t *testing.T, db *dbmodule.Database) {
				for _, statement := range left.statements {
					inUnit(t, db, statement)
					require.Error(t, db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
						_, err := s.ExecContext(ctx, statement)
						require.NoError(t, err, statement)
						_, err = s.ExecContext(ctx, "SELECT * FROM nowhere")
						return err
					}))
					assert.EventuallyWithT(t, func(t *assert.CollectT) {
						count := -1
						assert.NoError(t, db.DB().NewRaw(left.count).Scan(context.Background(), &count))
						assert.Zero(t, count, statement)
					}, time.Minute, time.Millisecond)
				}
			})
		})
	}
}

// A connection inside an XA transaction can begin no other one.
func TestBranchThatIsLeftOpen(t *testing.T) {
	t.Parallel()
	onOneConnectionOf(t, dbmodule.MySQL, 10, func(t *testing.T, db *dbmodule.Database) {
		_, err := db.DB().ExecContext(t.Context(), "XA START 'left'")
		require.NoError(t, err)
		inUnit(t, db, "SELECT 1")
	})
}

// DDL ends what is prepared on all connections, from when it runs until it is stored.
func TestDDLEndsPreparedStatements(t *testing.T) {
	t.Parallel()
	eachWith(t, func(cfg *dbmodule.Config) { cfg.PoolSize, cfg.MaxOverflow, cfg.StatementCache = 2, 0, 10 }, func(t *testing.T, db *dbmodule.Database) {
		if db.Engine() == dbmodule.SQLite {
			return // it has one connection that writes
		}
		conn, err := db.DB().Conn(t.Context())
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		prepared := func() []string {
			texts, err := dbmodule.PreparedOn(conn)
			require.NoError(t, err)
			return texts
		}
		twice := func() {
			for range 2 {
				run(t, conn, aliased("a"))
			}
		}
		twice()
		require.Len(t, prepared(), 1)
		require.NoError(t, db.DB().RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.ExecContext(ctx, "CREATE TABLE another (id INTEGER)"); err != nil {
				return err
			}
			twice()
			return nil
		}))
		assert.Empty(t, prepared())
		twice()
		assert.Len(t, prepared(), 1)
	})
}

// revisions is a migrator that says where the schema is.
type revisions struct {
	dbmodule.Migrator
	current []string
}

func (r *revisions) State(context.Context, bun.IDB) (dbmodule.RevisionState, error) {
	return dbmodule.RevisionState{Current: r.current}, nil
}

// Revisions that somebody else applied end what is prepared.
func TestRevisionsEndPreparedStatements(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		cfg.PoolSize, cfg.MaxOverflow = 1, 0
		at := &revisions{current: []string{"a1"}}
		db, err := dbmodule.Open(cfg, zap.NewNop(), dbmodule.WithMigrator(at))
		require.NoError(t, err)
		defer func() { assert.NoError(t, db.Close()) }()
		require.NoError(t, db.Connect(t.Context()))
		_, err = db.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
		require.NoError(t, err)
		looks := func() {
			_, err := db.SchemaState(t.Context())
			require.NoError(t, err)
		}
		looks()
		warm(t, db)
		looks()
		require.NotEmpty(t, kept(t, db))
		at.current = []string{"b2"}
		looks()
		assert.Empty(t, kept(t, db))
	})
}
