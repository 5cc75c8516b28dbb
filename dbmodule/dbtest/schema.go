package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// Option says what a fresh database contains, and how it is opened.
type Option func(*schema)

// schema describes the content of the databases of some tests.
type schema struct {
	models  []any
	sources []migrate.Source
}

// WithModels opens the database with these models, as dbmodule.WithModels does. It
// also creates their tables, unless [WithRevisions] is given: then the revisions
// have to create them.
func WithModels(models ...any) Option {
	return func(s *schema) { s.models = append(s.models, models...) }
}

// WithRevisions upgrades the database to the newest of these revisions.
func WithRevisions(sources ...migrate.Source) Option {
	return func(s *schema) { s.sources = append(s.sources, sources...) }
}

func newSchema(opts []Option) *schema {
	s := &schema{}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// New opens a fresh database with the schema that the options describe: the
// tables of models, or the schema and the rows that revisions make. The database
// belongs to t alone, and is closed and dropped when t ends. Any error fails t. If
// the engine is not installed, New skips or fails t as [Config] does. Parallel
// tests may call New at the same time.
//
// The first call with a schema builds it. All later calls copy the result; the
// package documentation says how long a copy takes.
func New(t testing.TB, engine dbmodule.Engine, opts ...Option) *dbmodule.Database {
	t.Helper()
	return Open(t, NewConfig(t, engine, opts...),
		dbmodule.WithModels(newSchema(opts).models...), dbmodule.WithTables(autogen.NewTables()))
}

// NewConfig is [New] for tests that open the database themselves or start an
// application on it. It returns dbmodule's defaults with the URL of a database
// with the schema that the options describe, and with SchemaNone, since that
// schema is complete.
func NewConfig(t testing.TB, engine dbmodule.Engine, opts ...Option) dbmodule.Config {
	t.Helper()
	cfg := configFor(t, shared.copyOf(t, engine, newSchema(opts)))
	cfg.Schema = dbmodule.SchemaNone
	return cfg
}

// build creates the schema in an empty database.
func (s *schema) build(ctx context.Context, rawURL string) (err error) {
	u, err := dbmodule.ParseURL(rawURL)
	if err != nil {
		return err
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = u
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithModels(s.models...), dbmodule.WithTables(autogen.NewTables()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Connect(ctx); err != nil {
		return err
	}
	if len(s.sources) == 0 {
		return db.CreateTables(ctx)
	}
	migrator, err := migrate.New(s.sources)
	if err != nil {
		return err
	}
	return migrator.UpgradeHeads(ctx, db)
}

// key returns the same text for schemas that are built in the same way. portable says
// that this also holds between processes. It is false if a revision is Go code, since
// no text shows what Go code does.
func (s *schema) key(ctx context.Context, engine dbmodule.Engine) (key string, portable bool, err error) {
	var text string
	if portable = true; len(s.sources) == 0 {
		text, err = s.ddl(ctx, engine)
	} else {
		text, portable, err = s.scripts(engine)
	}
	if err != nil {
		return "", false, err
	}
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:]), portable, nil
}

func (s *schema) ddl(ctx context.Context, engine dbmodule.Engine) (string, error) {
	realm, err := autogen.Realm(engine, s.models...)
	if err != nil {
		return "", err
	}
	statements, err := autogen.DDL(ctx, engine, realm)
	return fmt.Sprintf("%q", statements), err
}

func (s *schema) scripts(engine dbmodule.Engine) (text string, portable bool, err error) {
	migrator, err := migrate.New(s.sources)
	if err != nil {
		return "", false, err
	}
	portable = true
	for _, source := range s.sources {
		for _, code := range source.Code {
			text += fmt.Sprintf("%s %p ", code.Revision, code.Upgrade)
		}
	}
	for _, r := range migrator.Graph().Revisions() {
		text += fmt.Sprintf("%q %q %q ", r.ID, r.DownRevisions, r.DependsOn)
		if migrator.IsCode(r) {
			portable = false
			continue
		}
		script, err := migrator.Script(r, engine)
		if err != nil {
			return "", false, err
		}
		text += fmt.Sprintf("%q ", script.Text())
	}
	return text, portable, nil
}
