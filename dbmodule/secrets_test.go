package dbmodule_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// marker stands where a password stands; it must never be printed.
const marker = "hunter2MARK"

// secretURLs are URLs with the marker for a password: malformed ones, some
// that fail to connect in each of the usual ways, and healthy ones.
func secretURLs(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("dburl/testdata/malformed.txt")
	require.NoError(t, err)
	var corpus []string
	for line := range strings.Lines(string(text)) {
		quoted, _, _ := strings.Cut(line, "\t")
		raw, err := strconv.Unquote(quoted)
		require.NoError(t, err)
		if strings.Contains(raw, marker) {
			corpus = append(corpus, raw)
		}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by the kernel and says nothing
	require.NoError(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	for _, scheme := range []string{"postgresql", "postgresql+asyncpg", "postgres", "mysql", "mysql+aiomysql", "mariadb"} {
		for _, rest := range []string{
			"127.0.0.1:1/db", "[::1]:1/db", silent.Addr().String() + "/db", "no-such-host.invalid/db",
		} {
			corpus = append(corpus, scheme+"://me:"+marker+"@"+rest)
		}
		corpus = append(corpus, scheme+"://me@127.0.0.1:1/db?password="+marker)
	}
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		u, err := url.Parse(dbtest.URL(t, engine))
		require.NoError(t, err)
		u.User = url.UserPassword("dbtest", marker) // the wrong one
		corpus = append(corpus, u.String())
		u.Scheme += "x" // no such dialect
		corpus = append(corpus, u.String())
	}
	return append(corpus,
		"postgresql://me:"+marker+"@127.0.0.1:1/db?sslmode=require", "postgresql://me:"+marker+"@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/no/file",
		"postgresql://me:"+marker+"@127.0.0.1:1,127.0.0.1:2/db", "mysql://me:"+marker+"@127.0.0.1:1/db?ssl_ca=/no/file",
		"mysql://me:"+marker+"@127.0.0.1:1/db?init_command=SET x='"+marker+"'", "postgresql://127.0.0.1:1/db?options=-c%20x="+marker)
}

// printed is everything that a program could print of a URL and of what
// becomes of it.
func printed(ctx context.Context, raw string, edits ...func(*dbmodule.Config)) string {
	var b strings.Builder
	say := func(values ...any) {
		for _, v := range values {
			fmt.Fprintf(&b, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
		}
	}
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.Lock(zapcore.AddSync(&b)), zap.DebugLevel))

	u, err := dbmodule.ParseURL(raw)
	say(u, &u, err)
	cfg := dbmodule.DefaultConfig()
	say(cfg.URL.Decode(raw)) // as envconfig does
	say(cfg.ReplicaURLs.Decode(raw+", "+raw), cfg.ReplicaURLs)
	cfg.Echo, cfg.BunDebug = dbmodule.EchoDebug, "2"
	for _, edit := range edits {
		edit(&cfg)
	}
	say(cfg, &cfg, cfg.Validate())
	log.Info("config", zap.Any("config", cfg), zap.Reflect("reflected", cfg), zap.Stringer("url", cfg.URL), zap.Object("object", cfg.URL))
	if text, err := json.Marshal(cfg); err == nil {
		b.Write(text)
	}
	func() {
		defer func() {
			say(recover())
			b.Write(debug.Stack())
		}()
		panic(cfg)
	}()
	db, err := dbmodule.Open(cfg, log)
	if err != nil {
		say(err)
		return b.String()
	}
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	db.CheckReplicas(ctx)
	say(db, db.URL(), db.Stats(), db.Replicas())
	say(db.Connect(ctx), db.Ping(ctx))
	say(db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "x") }))
	_, err = db.SchemaState(ctx)
	for ; err != nil; err = errors.Unwrap(err) { // each layer may be printed by itself
		say(err)
	}
	say(db.Close())
	return b.String()
}

// Without care about a third of malformed or failing URLs print their password.
func TestNoSecretIsPrinted(t *testing.T) {
	t.Parallel()
	corpus := secretURLs(t)
	leaks := 0
	for _, raw := range corpus {
		text := printed(t.Context(), raw)
		encoded := fmt.Sprintf("%x", marker)
		if strings.Contains(text, marker) || strings.Contains(text, encoded) {
			leaks++
			t.Errorf("%q is printed with its password", raw)
			for line := range strings.Lines(text) {
				if strings.Contains(line, marker) || strings.Contains(line, encoded) {
					t.Log(line)
					break
				}
			}
		}
	}
	t.Logf("figure 11, %d URLs with a password, malformed, failing and healthy: %d printed it", len(corpus), leaks)
	assert.GreaterOrEqual(t, len(corpus), 90)
}

// What a password file, command or function gives stays with the driver too.
func TestNoSecretOfASourceIsPrinted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte(marker+"\n"), 0o600))
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		u, err := url.Parse(dbtest.URL(t, engine))
		require.NoError(t, err)
		u.User = url.User("dbtest") // with the wrong password
		for _, raw := range []string{u.String(), u.Scheme + "://me@127.0.0.1:1/db"} {
			for name, edit := range map[string]func(*dbmodule.Config){
				"file":    func(cfg *dbmodule.Config) { cfg.PasswordFile = file },
				"command": func(cfg *dbmodule.Config) { cfg.PasswordCommand = "cat " + file },
				"function": func(cfg *dbmodule.Config) {
					cfg.Password = func(context.Context) (string, error) { return marker, nil }
				},
			} {
				text := printed(t.Context(), raw, edit)
				assert.NotContains(t, text, marker, "%s, %s", engine, name)
				assert.NotContains(t, text, fmt.Sprintf("%x", marker), "%s, %s", engine, name)
			}
		}
	}
}

// Row values stand in statements, in result rows and in drivers' messages.
func TestNoValueIsLoggedWhenHidden(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		const value = "pr1vateVALUE"
		cfg.Echo, cfg.BunDebug, cfg.EchoHideParameters, cfg.SlowQuery = dbmodule.EchoDebug, "2", true, time.Nanosecond
		var b strings.Builder
		log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.Lock(zapcore.AddSync(&b)), zap.DebugLevel))
		db, err := dbmodule.Open(cfg, log)
		require.NoError(t, err)
		ctx := t.Context()
		require.NoError(t, db.Connect(ctx))
		_, err = db.DB().NewCreateTable().Model((*Account)(nil)).Exec(ctx)
		require.NoError(t, err)
		statements := []string{
			"INSERT INTO accounts (name, balance) VALUES (?0, 1)", // stored
			"INSERT INTO accounts (name, balance) VALUES (?0, 1)", // again: unique
			"INSERT INTO accounts (name, balance) VALUES ('x', ?0)",
			"INSERT INTO accounts (name, balance) VALUES (?0, NULL)",
			"UPDATE accounts SET balance = ?0 WHERE name = ?0", "SELECT * FROM accounts WHERE name = ?0",
			"SELECT CAST(?0 AS INTEGER)", "SELECT ?0", "SELECT nothing FROM accounts WHERE name = ?0", "SELECT ?0 FROM FROM", "SELECT ?0 '",
			"DELETE FROM accounts WHERE name = ?0 AND nothing = 1",
		}
		failed := 0
		for _, statement := range statements {
			err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
				rows, err := s.QueryContext(ctx, statement, value)
				if err != nil {
					return err
				}
				for rows.Next() { // the row log sees them
				}
				return errors.Join(rows.Err(), rows.Close())
			})
			if err != nil {
				failed++
				log.Error("failed", zap.String("error", typedText(err)))
			}
		}
		require.NoError(t, db.Close())
		shown := strings.Count(b.String(), value)
		t.Logf("figure 11, %s: %d statements, %d failing, %d lines of log: a row's value shown %d times",
			db.Engine(), len(statements), failed, strings.Count(b.String(), "\n"), shown)
		require.Positive(t, failed)
		if !assert.Zero(t, shown) {
			for line := range strings.Lines(b.String()) {
				if strings.Contains(line, value) {
					t.Log(line)
				}
			}
		}
	})
}

// typedText is what a program may log of an error: that of the typed error,
// when there is one.
func typedText(err error) string {
	var typed *dbmodule.Error
	if errors.As(err, &typed) {
		return typed.Error()
	}
	return "untyped"
}
