package dbmodule_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun/dialect/feature"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func open(t *testing.T, rawURL string, log *zap.Logger) *dbmodule.Database {
	t.Helper()
	cfg := dbmodule.DefaultConfig()
	u, err := dbmodule.ParseURL(rawURL)
	require.NoError(t, err)
	cfg.URL = u
	db, err := dbmodule.Open(cfg, log)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.Close()) })
	return db
}

func TestConnectWaitsForAServerAndSaysSo(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"postgresql", "mysql"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			// A port that nobody listens on.
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			address := listener.Addr().String()
			require.NoError(t, listener.Close())

			core, logs := observer.New(zap.WarnLevel)
			db := open(t, fmt.Sprintf("%s://me:s3cret@%s/things", scheme, address), zap.New(core))
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err = db.Connect(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, dbmodule.ErrUnavailable, "the error says what was wrong, not only that time ran out")
			assert.Contains(t, err.Error(), address)
			assert.NotContains(t, err.Error(), "s3cret")
			waiting := logs.FilterMessage("waiting for the database").All()
			require.NotEmpty(t, waiting)
			assert.NotContains(t, fmt.Sprint(waiting), "s3cret")
		})
	}
}

// Another process holds the file while this one starts, for example one that
// turns a new file into one with a write-ahead log.
func TestConnectWaitsForAFileThatIsLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "locked.db")
	other, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	defer func() { assert.NoError(t, other.Close()) }()
	holder, err := other.Conn(t.Context())
	require.NoError(t, err)
	_, err = holder.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	require.NoError(t, err)

	core, logs := observer.New(zap.WarnLevel)
	db := open(t, "sqlite:///"+path+"?timeout=0.01", zap.New(core))
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = db.Connect(short)
	require.ErrorIs(t, err, dbmodule.ErrConflict)
	assert.NotContains(t, err.Error(), "allowed to write", "no advice that has nothing to do with it")
	require.NotEmpty(t, logs.FilterMessage("waiting for the database").All())

	done := make(chan error, 1)
	go func() { done <- db.Connect(t.Context()) }()
	told := logs.Len()
	require.Eventually(t, func() bool { return logs.Len() > told }, 30*time.Second, time.Millisecond, "it waits, and says so")
	require.NoError(t, holder.Close(), "ends the transaction")
	require.NoError(t, other.Close())
	require.NoError(t, <-done)
}

func TestConnectDoesNotWaitForWhatWaitingDoesNotMend(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ url, want string }{
		"missing folder": {"sqlite:///" + filepath.Join(t.TempDir(), "nowhere", "x.db"), "nowhere does not exist: create it"},
		"a folder":       {"sqlite:///" + t.TempDir(), "is a folder: name a file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := open(t, test.url, nil).Connect(t.Context())
			require.ErrorContains(t, err, "dbmodule: connect to sqlite")
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestOpenReportsEverySettingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := dbmodule.Open(dbmodule.Config{
		PoolSize: -1, MaxOverflow: -2, Echo: "loud", Schema: "drop", SlowQuery: -1, ConnectTimeout: -1, StatementTimeout: -1,
		StatementCache: -1,
	}, nil)
	require.Error(t, err)
	for _, name := range []string{
		"DATABASE_URL", "DATABASE_ECHO", "DATABASE_SLOW_QUERY", "DATABASE_POOL_SIZE", "DATABASE_MAX_OVERFLOW",
		"DATABASE_POOL_TIMEOUT", "DATABASE_SCHEMA", "DATABASE_CONNECT_TIMEOUT", "DATABASE_STATEMENT_TIMEOUT",
		"DATABASE_STATEMENT_CACHE_SIZE",
	} {
		assert.Contains(t, err.Error(), name)
	}
}

// envconfig's errors repeat the value that could not be read.
func TestURLForEnvconfigKeepsItsErrorToItself(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.Decode("postgresql://me:s3cret@127.0.0.1:many/x"))
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg.URL), "s3cret")
	_, err := dbmodule.Open(cfg, nil)
	require.ErrorContains(t, err, "DATABASE_URL: ")
	assert.NotContains(t, err.Error(), "s3cret")
	require.Error(t, cfg.URL.Decode(""))
	require.NoError(t, cfg.URL.Decode("sqlite://"))
	require.NoError(t, cfg.Validate())
}

func TestOpenRefusesWhatIsNoModel(t *testing.T) {
	t.Parallel()
	cfg := dbmodule.DefaultConfig()
	for _, model := range []any{nil, Account{}, 7, new(int)} {
		_, err := dbmodule.Open(cfg, nil, dbmodule.WithModels(model))
		require.ErrorContains(t, err, "pointer to a struct", "%T", model)
	}
}

func TestInMemoryDatabase(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	memory, other := open(t, "sqlite://", nil), open(t, "sqlite://", nil)
	for _, db := range []*dbmodule.Database{memory, other} {
		require.NoError(t, db.Connect(ctx))
		_, err := db.DB().NewCreateTable().Model((*Account)(nil)).Exec(ctx)
		require.NoError(t, err)
	}
	require.NoError(t, memory.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		return insert(ctx, s, "a")
	}))
	assert.Equal(t, []string{"a"}, names(t, memory), "readers share the writer's database")
	assert.Empty(t, names(t, other), "databases are apart")

	// Readers and writers side by side.
	done := make(chan error)
	go func() {
		for i := range 50 {
			if err := memory.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				return insert(ctx, s, fmt.Sprint("w", i))
			}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 50 {
		names(t, memory)
	}
	require.NoError(t, <-done)
	assert.Len(t, names(t, memory), 51)
	s := memory.Sessions().New(dbmodule.ReadOnly())
	require.ErrorIs(t, insert(ctx, s, "b"), dbmodule.ErrReadOnly)
	require.NoError(t, s.Close())
}

func TestSQLitePragmasHoldOnEveryConnection(t *testing.T) {
	t.Parallel()
	db := open(t, "sqlite+aiosqlite:///"+filepath.Join(t.TempDir(), "with space & %3F%23.db"), nil)
	require.NoError(t, db.Connect(t.Context()))
	var sessions []*dbmodule.Session
	for _, options := range [][]dbmodule.SessionOption{{}, {dbmodule.ReadOnly()}, {dbmodule.ReadOnly()}} {
		s := db.Sessions().New(options...)
		sessions = append(sessions, s)
		for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000"} {
			var got string
			require.NoError(t, s.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			assert.Equal(t, want, got, pragma)
		}
		if !s.ReadOnly() {
			var synchronous int
			require.NoError(t, s.QueryRowContext(t.Context(), "PRAGMA synchronous").Scan(&synchronous))
			assert.Equal(t, 2, synchronous, "commits are durable")
		}
	}
	for _, s := range sessions {
		require.NoError(t, s.Close())
	}
}

// Bun learns what a MySQL server can do from its version, which is only known
// once the server answered.
func TestMySQLFeaturesAreKnownAfterConnect(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.MySQL))
	assert.True(t, db.DB().HasFeature(feature.InsertReturning) || db.DB().HasFeature(feature.CTE))
}

// What a service and an address stand for reaches a real server.
func TestServiceAndAddressConnect(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(dbtest.URL(t, dbmodule.PostgreSQL))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	file := filepath.Join(t.TempDir(), "services")
	text := fmt.Sprintf("[test]\nhost=no-such-host.invalid\nhostaddr=%s\nport=%s\nuser=%s\npassword=%s\ndbname=%s\nsslmode=disable\ntcp_user_timeout=30000\nload_balance_hosts=random\n",
		u.Hostname(), u.Port(), u.User.Username(), password, strings.TrimPrefix(u.Path, "/"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = parse(t, "postgresql:///?service=test&servicefile="+file)
	db := dbtest.Open(t, cfg)
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if db.URL().Database() == "" {
		t.Error("the database's URL does not say what the service stands for")
	}
	cfg.URL = parse(t, "postgresql:///?service=none&servicefile="+file)
	if _, err := dbmodule.Open(cfg, nil); err == nil || !strings.Contains(err.Error(), "no such section") {
		t.Error(err)
	}
}
