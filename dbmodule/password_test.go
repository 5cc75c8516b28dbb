package dbmodule_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
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

// rotating is an account of its own on a server, whose password can change.
type rotating struct {
	t     *testing.T
	admin *dbmodule.Database
	name  string
	url   string // without a password
}

func newRotating(t *testing.T, engine dbmodule.Engine) *rotating {
	t.Helper()
	raw := dbtest.URL(t, engine)
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL(raw)
	require.NoError(t, err)
	u, err := url.Parse(raw)
	require.NoError(t, err)
	r := &rotating{t: t, admin: dbtest.Open(t, cfg), name: fmt.Sprintf("rotating_%d", time.Now().UnixNano())}
	u.User = url.User(r.name)
	r.url = u.String()
	r.exec("CREATE USER %s " + map[dbmodule.Engine]string{dbmodule.PostgreSQL: "PASSWORD 'none-yet'", dbmodule.MySQL: "IDENTIFIED BY 'none-yet'"}[engine])
	if engine == dbmodule.MySQL {
		r.exec("GRANT ALL ON `" + cfg.URL.Database() + "`.* TO %s")
	}
	t.Cleanup(func() { r.exec("DROP USER %s") })
	return r
}

func (r *rotating) exec(statement string) {
	r.t.Helper()
	_, err := r.admin.DB().ExecContext(context.WithoutCancel(r.t.Context()), fmt.Sprintf(statement, r.name))
	require.NoError(r.t, err)
}

// change gives the account another password.
func (r *rotating) change(password string) {
	r.t.Helper()
	if r.admin.Engine() == dbmodule.PostgreSQL {
		r.exec("ALTER USER %s PASSWORD '" + password + "'")
	} else {
		r.exec("ALTER USER %s IDENTIFIED BY '" + password + "'")
	}
}

func (r *rotating) config() dbmodule.Config {
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL(r.url)
	require.NoError(r.t, err)
	return cfg
}

// The password is read for each connection: new ones get in with the new
// password, and old ones live on.
func TestPasswordRotates(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"file", "command", "function"} {
				t.Run(kind, func(t *testing.T) {
					t.Parallel()
					r, file := newRotating(t, engine), filepath.Join(t.TempDir(), "password")
					const first, second = "f1rst pass word ", " s3cond-wörd"
					write := func(password, end string) {
						require.NoError(t, os.WriteFile(file+".new", []byte(password+end), 0o600))
						require.NoError(t, os.Rename(file+".new", file))
					}
					cfg := r.config()
					switch kind {
					case "file":
						cfg.PasswordFile = file
					case "command":
						cfg.PasswordCommand = "cat  " + file
					case "function":
						cfg.Password = func(context.Context) (string, error) {
							content, err := os.ReadFile(file)
							return strings.Trim(string(content), "\r\n"), err
						}
					}
					r.change(first)
					write(first, "\n")
					db := dbtest.Open(t, cfg)
					ctx := t.Context()
					old, err := db.DB().Conn(ctx)
					require.NoError(t, err)
					r.change(second)
					_, err = db.DB().Conn(ctx) // the file is behind
					require.ErrorIs(t, err, dbmodule.ErrAccessDenied)
					for e := err; e != nil; e = errors.Unwrap(e) {
						assert.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), "f1rst")
					}
					write(second, "\r\n")
					fresh, err := db.DB().Conn(ctx)
					require.NoError(t, err, "a new connection gets in with the new password")
					_, err = old.ExecContext(ctx, "SELECT 1")
					require.NoError(t, err, "an old one lives on")
					require.NoError(t, errors.Join(old.Close(), fresh.Close()))

					dedicated, closeDedicated, err := db.Dedicated(ctx, 1)
					require.NoError(t, err, "so do the connections of migrations")
					require.NoError(t, dedicated.Ping(ctx))
					require.NoError(t, closeDedicated())
				})
			}
		})
	}
}

// What is wrong with a password's source is told by its name, and nothing of
// what it holds.
func TestPasswordSourceFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o700))
		return path
	}
	tests := map[string]struct {
		file, command string
		want          []string
	}{
		"no file":        {file: filepath.Join(dir, "none"), want: []string{"DATABASE_PASSWORD_FILE " + filepath.Join(dir, "none"), "no such file"}},
		"a folder":       {file: dir, want: []string{"it is not a regular file"}},
		"empty":          {file: file("empty", "\n"), want: []string{"it is empty"}},
		"lines":          {file: file("lines", marker+"\n"+marker+"\n"), want: []string{"more than one line"}},
		"long":           {file: file("long", strings.Repeat(marker, 10_000)), want: []string{"more than a password"}},
		"no program":     {command: "no-such-program-" + marker, want: []string{"DATABASE_PASSWORD_COMMAND", "no such program"}},
		"no such path":   {command: "/no/such/" + marker, want: []string{"no such program"}},
		"no executable":  {command: dir, want: []string{"may not be run"}},
		"fails":          {command: file("fails", "#!/bin/sh\necho "+marker+"\necho "+marker+" >&2\nexit 3\n") + " " + marker, want: []string{"exit status 3", "not shown"}},
		"prints nothing": {command: "true", want: []string{"it is empty"}},
		"prints lines":   {command: file("prints", "#!/bin/sh\necho "+marker+"\necho "+marker+"\n"), want: []string{"more than one line"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, raw := range []string{"postgresql://me@127.0.0.1:1/db", "mysql://me@127.0.0.1:1/db"} {
				cfg := dbmodule.DefaultConfig()
				var err error
				cfg.URL, err = dbmodule.ParseURL(raw)
				require.NoError(t, err)
				cfg.PasswordFile, cfg.PasswordCommand = test.file, test.command
				var b strings.Builder
				log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewDevelopmentEncoderConfig()), zapcore.Lock(zapcore.AddSync(&b)), zap.DebugLevel))
				db, err := dbmodule.Open(cfg, log)
				require.NoError(t, err)
				err = db.Ping(t.Context())
				require.ErrorIs(t, err, dbmodule.ErrUnavailable, "it may be mended while the server runs")
				for _, want := range test.want {
					require.ErrorContains(t, err, want)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
				connectErr := db.Connect(ctx)
				cancel()
				require.Error(t, connectErr)
				require.NoError(t, db.Close())
				for e := errors.Join(err, connectErr); e != nil; e = errors.Unwrap(e) {
					fmt.Fprintf(&b, "%v %+v %#v %q", e, e, e, e)
				}
				require.NotContains(t, b.String(), marker)
			}
		})
	}
}

// A command that hangs is ended with all that it started, when the attempt to
// connect has had its time.
func TestPasswordCommandHangs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "hang")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\nsleep 300 &\necho $! > "+dir+"/child\nwait\n"), 0o700))
	cfg := dbmodule.DefaultConfig()
	var err error
	cfg.URL, err = dbmodule.ParseURL("postgresql://me@127.0.0.1:1/db")
	require.NoError(t, err)
	cfg.PasswordCommand, cfg.ConnectTimeout = script, 500*time.Millisecond
	db, err := dbmodule.Open(cfg, nil)
	require.NoError(t, err)
	began := time.Now()
	err = db.Ping(t.Context())
	require.ErrorIs(t, err, dbmodule.ErrUnavailable)
	require.ErrorContains(t, err, "DATABASE_PASSWORD_COMMAND: it was ended")
	require.Less(t, time.Since(began), 20*time.Second)
	require.NoError(t, db.Close())
	child, err := os.ReadFile(filepath.Join(dir, "child"))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(string(child)), "stat"))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, 10*time.Millisecond, "what it started still runs")
}

func TestPasswordSettings(t *testing.T) {
	t.Parallel()
	function := func(context.Context) (string, error) { return "x", nil }
	for name, test := range map[string]struct {
		url, file, command string
		function           dbmodule.PasswordFunc
		want               string
	}{
		"file":                {"postgresql://h/d", "/f", "", nil, ""},
		"command":             {"mysql://h/d", "", "vault read -field=password db", nil, ""},
		"function":            {"mysql://h/d", "", "", function, ""},
		"two":                 {"postgresql://h/d", "/f", "c", nil, "DATABASE_PASSWORD_COMMAND: contradicts DATABASE_PASSWORD_FILE"},
		"function and file":   {"postgresql://h/d", "/f", "", function, "Password: contradicts DATABASE_PASSWORD_FILE"},
		"URL's":               {"postgresql://u:" + marker + "@h/d", "/f", "", nil, "DATABASE_PASSWORD_FILE: DATABASE_URL has a password too"},
		"URL's option":        {"mysql://u@h/d?passwd=" + marker, "", "c", nil, "DATABASE_PASSWORD_COMMAND: DATABASE_URL has a password too"},
		"URL's passfile":      {"postgresql://h/d?passfile=/x", "/f", "", nil, "DATABASE_URL has a password too"},
		"SQLite":              {"sqlite:///x.db", "/f", "", nil, "a SQLite database has no password"},
		"relative":            {"postgresql://h/d", marker, "", nil, "takes the absolute path"},
		"shell":               {"postgresql://h/d", "", "sh -c 'echo " + marker + "'", nil, "without a shell"},
		"pipe":                {"postgresql://h/d", "", "a | b", nil, "without a shell"},
		"URL in the variable": {"postgresql://h/d", "postgresql://u:" + marker + "@h/d", "", nil, "takes the absolute path"},
	} {
		cfg := dbmodule.DefaultConfig()
		var err error
		cfg.URL, err = dbmodule.ParseURL(test.url)
		require.NoError(t, err)
		cfg.PasswordFile, cfg.PasswordCommand, cfg.Password = test.file, test.command, test.function
		err = cfg.Validate()
		_, jsonErr := json.Marshal(cfg)
		require.NoError(t, jsonErr, name)
		if test.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, test.want, name)
		require.NotContains(t, err.Error(), marker, name)
	}
}
