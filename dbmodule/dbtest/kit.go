package dbtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

// kit finds or starts the servers of one test process.
type kit struct {
	env     func(string) string
	recipes map[dbmodule.Engine]recipe
	names   namer

	mu        sync.Mutex
	sources   map[dbmodule.Engine]*source
	templates map[templateKey]*template
}

// source is the server that has the databases of one engine. The process looks for
// it once; if that fails, all tests get the same error.
type source struct {
	once   sync.Once
	rawURL string
	err    error
	// server is the server that this process started, or nil for a URL from the
	// environment. The reference keeps the server running: see watchdog.
	server *Server
}

func newKit(env func(string) string) *kit {
	return &kit{
		env:       env,
		recipes:   map[dbmodule.Engine]recipe{dbmodule.PostgreSQL: postgreSQL(env), dbmodule.MySQL: mariaDB(env)},
		names:     newNamer(),
		sources:   map[dbmodule.Engine]*source{},
		templates: map[templateKey]*template{},
	}
}

// database makes a fresh database and returns its URL.
func (k *kit) database(t testing.TB, engine dbmodule.Engine) string {
	t.Helper()
	if engine == dbmodule.SQLite {
		return sqliteURL(filepath.Join(t.TempDir(), "test.db"))
	}
	from := k.source(t, engine)
	if from.err != nil {
		k.giveUp(t, engine, from.err)
	}
	return freshDatabase(t, engine, from.rawURL, k.names.next(t.Name()))
}

// source returns the engine's server. The first call finds or starts it.
func (k *kit) source(t testing.TB, engine dbmodule.Engine) *source {
	k.mu.Lock()
	s, ok := k.sources[engine]
	if !ok {
		s = &source{}
		k.sources[engine] = s
	}
	k.mu.Unlock()
	s.once.Do(func() { s.rawURL, s.server, s.err = k.find(t.Context(), engine) })
	return s
}

// find returns the URL of the engine's server: the one in the environment, or one that it starts.
func (k *kit) find(ctx context.Context, engine dbmodule.Engine) (string, *Server, error) {
	r, ok := k.recipes[engine]
	if !ok {
		return "", nil, fmt.Errorf("dbtest: no engine %q: known are sqlite, postgresql, mysql", engine)
	}
	if rawURL := k.env(r.variable); rawURL != "" {
		if err := checkURL(ctx, r, rawURL); err != nil {
			return "", nil, err
		}
		return rawURL, nil, nil
	}
	s, err := startServer(ctx, r, serverOptions{folder: memoryFolder(k.env)}, newPassword())
	if err != nil {
		return "", nil, err
	}
	return s.URL(), s, nil
}

// checkURL reports an invalid or unreachable URL once. Otherwise each test would
// report it after a wait of its own.
func checkURL(ctx context.Context, r recipe, rawURL string) error {
	u, err := dbmodule.ParseURL(rawURL)
	if err != nil {
		return fmt.Errorf("dbtest: read %s: %w", r.variable, err)
	}
	if u.Engine() != r.engine {
		return fmt.Errorf("dbtest: read %s: want a URL of %s, not of %s", r.variable, r.engine, u.Engine())
	}
	db, err := openAdmin(ctx, rawURL)
	if err != nil {
		return fmt.Errorf("dbtest: use %s: %w", r.variable, err)
	}
	return db.Close()
}

// missingError says that programs of an engine are not installed.
type missingError struct{ reason string }

func (e *missingError) Error() string { return e.reason }

// Is makes every missingError match [ErrNotInstalled].
func (e *missingError) Is(target error) bool { return target == ErrNotInstalled }

// ErrNotInstalled means that programs that an engine's server needs are not installed on
// this machine.
var ErrNotInstalled = errors.New("dbtest: the engine is not installed")

// giveUp skips t if the engine is not installed and DBTEST_REQUIRE does not name it.
// Otherwise it fails t. It does not return.
func (k *kit) giveUp(t testing.TB, engine dbmodule.Engine, err error) {
	t.Helper()
	var missing *missingError
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	required, requireErr := requires(k.env("DBTEST_REQUIRE"), engine)
	switch {
	case requireErr != nil:
		t.Fatal(requireErr)
	case required:
		t.Fatalf("%v (DBTEST_REQUIRE asks for %s)", err, engine)
	default:
		t.Skip(err)
	}
}

// requires reports whether list, the value of DBTEST_REQUIRE, names the engine. It
// also accepts the other names that URLs have for an engine.
func requires(list string, engine dbmodule.Engine) (bool, error) {
	required := false
	for _, name := range strings.Split(list, ",") {
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "":
			continue
		case "all":
			required = true
			continue
		case "postgres":
			name = string(dbmodule.PostgreSQL)
		case "mariadb":
			name = string(dbmodule.MySQL)
		}
		if !slices.Contains(Engines(), dbmodule.Engine(name)) {
			return false, fmt.Errorf("dbtest: read DBTEST_REQUIRE: no engine %q: takes all, or a list of sqlite, postgresql, mysql", name)
		}
		required = required || name == string(engine)
	}
	return required, nil
}
