package httpmodule_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Item is the model of these tests. Its parent is checked at COMMIT, so that
// a commit can be made to fail.
type Item struct {
	bun.BaseModel `bun:"table:items"`

	ID     int64  `bun:"id,pk,autoincrement"`
	Name   string `bun:"name"`
	Parent *int64 `bun:"parent"`
}

const createItems = `CREATE TABLE items (
	id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR NOT NULL UNIQUE CHECK (name <> 'forbidden'),
	parent INTEGER REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED)`

// fixture is a running server on a database of its own.
type fixture struct {
	t      *testing.T
	db     *dbmodule.Database
	server *httpmodule.Server
	logs   *observer.ObservedLogs
	client *http.Client
}

func openDatabase(t *testing.T) *dbmodule.Database {
	t.Helper()
	cfg := dbmodule.DefaultConfig()
	u, err := dbmodule.ParseURL("sqlite:///" + filepath.Join(t.TempDir(), "test.db"))
	require.NoError(t, err)
	cfg.URL = u
	db, err := dbmodule.Open(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.Connect(t.Context()))
	_, err = db.DB().ExecContext(t.Context(), createItems)
	require.NoError(t, err)
	return db
}

func testConfig() httpmodule.Config {
	cfg := httpmodule.DefaultConfig()
	cfg.Port = 0
	cfg.ShutdownTimeout = 10 * time.Second
	return cfg
}

// serve starts a server and stops it with the test.
func serve(t *testing.T, cfg httpmodule.Config, routes func(f *fixture) httpmodule.Routes) *fixture {
	t.Helper()
	return serveOn(t, openDatabase(t), cfg, routes)
}

func serveOn(t *testing.T, db *dbmodule.Database, cfg httpmodule.Config, routes func(f *fixture) httpmodule.Routes) *fixture {
	t.Helper()
	f := &fixture{t: t, db: db, client: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	core, logs := observer.New(zap.DebugLevel)
	f.logs = logs
	var all []httpmodule.Routes
	if routes != nil {
		all = append(all, routes(f))
	}
	server, err := httpmodule.New(cfg, httpmodule.Info{Title: "Test", Version: "1.2.3"}, zap.New(core), f.db, all...)
	require.NoError(t, err)
	f.server = server
	require.NoError(t, server.Start(t.Context()))
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	return f
}

func (f *fixture) url(path string) string { return "http://" + f.server.Addr() + path }

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers come in pairs.
func (f *fixture) do(method, path, body string, headers ...string) answer {
	f.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url(path), reader)
	require.NoError(f.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return f.send(r)
}

func (f *fixture) send(r *http.Request) answer {
	f.t.Helper()
	resp, err := f.client.Do(r)
	require.NoError(f.t, err)
	defer func() { _ = resp.Body.Close() }()
	var b bytes.Buffer
	_, err = b.ReadFrom(resp.Body)
	require.NoError(f.t, err)
	return answer{resp.StatusCode, resp.Header, b.String()}
}

// names lists what is stored, as somebody else sees it.
func (f *fixture) names() []string {
	f.t.Helper()
	stored := []string{}
	s := f.db.Sessions().New(dbmodule.ReadOnly())
	require.NoError(f.t, s.NewSelect().Model((*Item)(nil)).Column("name").Order("id").Scan(f.t.Context(), &stored))
	require.NoError(f.t, s.Close())
	return stored
}

// idle waits until no connection is in use: what a request does after its
// last byte is not ordered with the client's next step.
func (f *fixture) idle() {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return f.db.Stats().InUse == 0 }, 10*time.Second, 5*time.Millisecond,
		"connections leaked: %+v", f.db.Stats())
}

// logged returns the entries with a message.
func (f *fixture) logged(message string) []observer.LoggedEntry {
	return f.logs.FilterMessage(message).All()
}

func insert(ctx context.Context, db bun.IDB, name string) error {
	_, err := db.NewInsert().Model(&Item{Name: name}).Exec(ctx)
	return err
}

// insertOrphan stores what the database refuses at COMMIT only.
func insertOrphan(ctx context.Context, db bun.IDB, name string) error {
	parent := int64(1 << 40)
	_, err := db.NewInsert().Model(&Item{Name: name, Parent: &parent}).Exec(ctx)
	return err
}
