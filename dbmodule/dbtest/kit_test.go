package dbtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestEachGivesAnEmptyDatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg)
		_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE books (title VARCHAR(100))")
		require.NoError(t, err)
		_, err = db.DB().ExecContext(t.Context(), "INSERT INTO books VALUES ('Stoner – 文学')")
		require.NoError(t, err)

		other := dbtest.Open(t, dbtest.Config(t, cfg.URL.Engine()))
		_, err = other.DB().ExecContext(t.Context(), "CREATE TABLE books (title VARCHAR(100))")
		require.NoError(t, err, "the other database has no such table yet")
		var titles []string
		require.NoError(t, other.DB().NewRaw("SELECT title FROM books").Scan(t.Context(), &titles))
		assert.Empty(t, titles)
		require.NoError(t, db.DB().NewRaw("SELECT title FROM books").Scan(t.Context(), &titles))
		assert.Equal(t, []string{"Stoner – 文学"}, titles)
	})
}

func TestManyDatabasesAtOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		for i := range 20 {
			t.Run(fmt.Sprintf("%s/%d", engine, i), func(t *testing.T) {
				t.Parallel()
				db := dbtest.Open(t, dbtest.Config(t, engine))
				_, err := db.DB().ExecContext(t.Context(), "CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
				require.NoError(t, err)
				_, err = db.DB().NewRaw("INSERT INTO numbers VALUES (?)", i).Exec(t.Context())
				require.NoError(t, err)
				var numbers []int
				require.NoError(t, db.DB().NewRaw("SELECT n FROM numbers").Scan(t.Context(), &numbers))
				assert.Equal(t, []int{i}, numbers)
			})
		}
	}
}

func TestDatabaseIsDroppedUnderOpenTransactions(t *testing.T) {
	t.Parallel()
	count := map[dbmodule.Engine]string{
		dbmodule.PostgreSQL: "SELECT COUNT(*) FROM pg_database WHERE datname = ?",
		dbmodule.MySQL:      "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?",
	}
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		engine := cfg.URL.Engine()
		if engine == dbmodule.SQLite {
			return // its file goes with t.TempDir
		}
		var name string
		t.Run("inner", func(t *testing.T) {
			inner := dbtest.Config(t, engine)
			name = inner.URL.Database()
			// Closed by the outer test, so after the drop.
			db, err := dbmodule.Open(inner, nil)
			require.NoError(t, err)
			ctx := t.Context()
			_, err = db.DB().ExecContext(ctx, "CREATE TABLE held (n INTEGER)")
			require.NoError(t, err)
			conn, err := db.DB().Conn(ctx)
			require.NoError(t, err)
			for _, statement := range []string{"BEGIN", "INSERT INTO held VALUES (1)"} {
				_, err = conn.ExecContext(ctx, statement)
				require.NoError(t, err)
			}
		})
		db := dbtest.Open(t, cfg)
		var found int
		require.NoError(t, db.DB().NewRaw(count[engine], name).Scan(t.Context(), &found))
		assert.Zero(t, found)
		require.NoError(t, db.DB().NewRaw(count[engine], cfg.URL.Database()).Scan(t.Context(), &found))
		assert.Equal(t, 1, found, "the query finds databases that are there")
	})
}

// outcome is a test that notes how it was ended.
type outcome struct {
	testing.TB
	skipped, failed string
}

func (o *outcome) Skip(args ...any) {
	o.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}

func (o *outcome) Fatal(args ...any) {
	o.failed = fmt.Sprint(args...)
	runtime.Goexit()
}

func (o *outcome) Fatalf(text string, args ...any) { o.Fatal(fmt.Sprintf(text, args...)) }

// ended runs fn as the body of a test.
func ended(t *testing.T, fn func(t testing.TB)) *outcome {
	t.Helper()
	o := &outcome{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(o)
	}()
	<-done
	return o
}

func TestMissingEngine(t *testing.T) {
	t.Parallel()
	postgres, maria := dbmodule.PostgreSQL, dbmodule.MySQL
	for name, test := range map[string]struct {
		engine          dbmodule.Engine
		require         string
		skipped, failed string
	}{
		"PostgreSQL skips":       {postgres, "", "PostgreSQL is not installed", ""},
		"MariaDB skips":          {maria, "", "MariaDB is not installed", ""},
		"another is required":    {maria, "postgresql", "MariaDB is not installed", ""},
		"all":                    {postgres, "all", "", "DBTEST_REQUIRE asks for postgresql"},
		"a list":                 {maria, "postgresql, mysql", "", "DBTEST_REQUIRE asks for mysql"},
		"other names":            {maria, "postgres,MariaDB", "", "DBTEST_REQUIRE asks for mysql"},
		"a name that is unknown": {postgres, "oracle", "", `no engine "oracle": takes all, or a list of sqlite, postgresql, mysql`},
		"sqlite is always there": {dbmodule.SQLite, "all", "", ""},
		"no such engine":         {"oracle", "", "", `no engine "oracle"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kit := dbtest.NewKit(map[string]string{"DBTEST_REQUIRE": test.require}, true)
			for range 2 { // the second test is told the same
				o := ended(t, func(t testing.TB) { kit.Database(t, test.engine) })
				assertHas(t, test.skipped, o.skipped)
				assertHas(t, test.failed, o.failed)
			}
		})
	}
}

// assertHas wants a text that holds a part, or none for no part.
func assertHas(t *testing.T, part, text string) {
	t.Helper()
	if part == "" {
		assert.Empty(t, text)
		return
	}
	assert.Contains(t, text, part)
}

func TestServerFromOutside(t *testing.T) {
	t.Parallel()
	for engine, variable := range map[dbmodule.Engine]string{
		dbmodule.PostgreSQL: "DBTEST_POSTGRES_URL",
		dbmodule.MySQL:      "DBTEST_MYSQL_URL",
	} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			server := dbtest.StartServer(t, engine)

			// A bare kit can't start one itself.
			kit := dbtest.NewKit(map[string]string{variable: server.URL()}, true)
			u, err := dbmodule.ParseURL(kit.Database(t, engine))
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(u.Database(), "dbtest_"), u.Database())
			cfg := server.Config(t)
			cfg.URL = u
			dbtest.Open(t, cfg)

			_, address, _ := strings.Cut(server.URL(), "@")
			wrong := string(engine) + "://dbtest:wrong-pa55@" + address
			for name, test := range map[string]struct{ rawURL, want string }{
				"of another engine": {"sqlite:///x.db", "want a URL of " + string(engine) + ", not of sqlite"},
				"not a URL":         {"nonsense", "read " + variable},
				"wrong password":    {wrong, "use " + variable},
			} {
				o := ended(t, func(t testing.TB) {
					dbtest.NewKit(map[string]string{variable: test.rawURL}, true).Database(t, engine)
				})
				assert.Contains(t, o.failed, test.want, name)
				assert.NotContains(t, o.failed, "wrong-pa55", name)
				assert.Empty(t, o.skipped, "a setting that is wrong is no reason to skip")
			}
		})
	}
}

func TestDatabaseInURL(t *testing.T) {
	t.Parallel()
	for rawURL, want := range map[string]string{
		"postgresql://u:p@h:1/old":                       "postgresql://u:p@h:1/new",
		"postgresql://u:p@h:1":                           "postgresql://u:p@h:1/new",
		"postgresql://u:p@h:1?sslmode=disable":           "postgresql://u:p@h:1/new?sslmode=disable",
		"postgresql://u:p%40%2F@h1:1,h2:2/old?a=b&c=d":   "postgresql://u:p%40%2F@h1:1,h2:2/new?a=b&c=d",
		"postgresql+asyncpg://u@/old?host=/run/postgres": "postgresql+asyncpg://u@/new?host=/run/postgres",
		"mysql://root@[::1]:3306/mysql":                  "mysql://root@[::1]:3306/new",
		"mysql://u:a/b@h/old":                            "mysql://u:a/b@h/new",
	} {
		assert.Equal(t, want, dbtest.WithDatabase(rawURL, "new"))
	}
}

func TestDatabaseNames(t *testing.T) {
	t.Parallel()
	next := dbtest.NewNames()
	seen := map[string]bool{}
	for _, test := range []string{"Test/a", "Test/a", "Tëst/'\";--", strings.Repeat("long/", 50), ""} {
		name := next(test)
		assert.Regexp(t, `^dbtest_[a-z0-9_]+$`, name)
		assert.LessOrEqual(t, len(name), 63)
		assert.False(t, seen[name])
		seen[name] = true
	}
	assert.NotEqual(t, dbtest.NewNames()("Test"), dbtest.NewNames()("Test"), "two processes")
}

func TestPostgreSQLBinariesStandTogether(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	program := func(path string) {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o755))
	}
	program("wrapper/initdb")
	program("real/9.6/bin/initdb")
	program("real/9.6/bin/postgres")
	program("real/15/bin/initdb")
	program("real/15/bin/postgres")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "links"), 0o755))
	require.NoError(t, os.Symlink(filepath.Join(root, "real/9.6/bin/initdb"), filepath.Join(root, "links/initdb")))

	highest := dbtest.Glob(filepath.Join(root, "real/*/bin"))
	for name, test := range map[string]struct {
		folders []string
		want    string
	}{
		"one alone does not count": {append([]string{filepath.Join(root, "wrapper")}, highest...), "real/15/bin"},
		"links are followed":       {[]string{filepath.Join(root, "links")}, "real/9.6/bin"},
	} {
		initialise, serve, err := dbtest.FindPostgreSQL(test.folders...)
		require.NoError(t, err, name)
		// The temporary folder may itself stand behind a link.
		assert.True(t, strings.HasSuffix(initialise, filepath.Join(test.want, "initdb")), "%s: %s", name, initialise)
		assert.True(t, strings.HasSuffix(serve, filepath.Join(test.want, "postgres")), "%s: %s", name, serve)
	}
	_, _, err := dbtest.FindPostgreSQL(filepath.Join(root, "wrapper"))
	require.Error(t, err)
}
