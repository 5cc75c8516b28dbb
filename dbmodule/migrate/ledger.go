package migrate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/uptrace/bun"
	bundialect "github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// VersionTable names the version table and the history, like Alembic's version_table
// and version_table_schema. Programs that share a database need not share these
// tables. The zero value is Alembic's table, in the schema that the connection selects.
type VersionTable struct {
	// Name is the name of the version table, "alembic_version" by default.
	Name string
	// Schema is the schema of the version table and the history. It must exist.
	// By default it is chosen by the search path on PostgreSQL; on MySQL it is
	// the connection's database, and on SQLite "main".
	Schema string
	// History is the name of the history table; by default it is Name with
	// "_history".
	History string
}

const defaultVersionTable = "alembic_version"

func (t VersionTable) name() string {
	if t.Name == "" {
		return defaultVersionTable
	}
	return t.Name
}

func (t VersionTable) history() string {
	if t.History == "" {
		return t.name() + "_history"
	}
	return t.History
}

// lease returns the name of the table for a cluster's lease.
func (t VersionTable) lease() string { return t.name() + "_lease" }

// ledger is the version table and the history of one database. After locate it names them with
// their schema, so that a revision can change search_path.
type ledger struct {
	table  VersionTable
	engine dbmodule.Engine
	// version and historyTable are the quoted names of the version table and the history.
	version, historyTable string
	// schema is the schema in which missing tables are created.
	schema                 string
	hasVersion, hasHistory bool
}

// unlocated returns a ledger with the configured names, which reads no database.
func unlocated(table VersionTable, engine dbmodule.Engine) *ledger {
	l := &ledger{table: table, engine: engine, schema: table.Schema}
	l.version, l.historyTable = l.quoted(table.Schema, table.name()), l.quoted(table.Schema, table.history())
	return l
}

// quoted returns a table's name, quoted and with its schema unless that is "".
func (l *ledger) quoted(schemaName, name string) string {
	mark := `"`
	if l.engine == dbmodule.MySQL {
		mark = "`"
	}
	quote := func(name string) string {
		if alembicName.MatchString(name) {
			return name // as Alembic writes it
		}
		return mark + strings.ReplaceAll(name, mark, mark+mark) + mark
	}
	if schemaName == "" {
		return quote(name)
	}
	return quote(schemaName) + "." + quote(name)
}

var alembicName = regexp.MustCompile(`^alembic_[a-z_]+$`)

// locate returns the ledger of a database. It finds out which of its tables exist, and in which
// schema to create the others.
func locate(ctx context.Context, db bun.IDB, table VersionTable) (*ledger, error) {
	engine, err := engineOf(db)
	if err != nil {
		return nil, err
	}
	l := unlocated(table, engine)
	var found []struct {
		Schema string `bun:"s"`
		Name   string `bun:"n"`
	}
	names := bun.List([]string{table.name(), table.history()})
	switch engine {
	case dbmodule.PostgreSQL:
		where := "pg_catalog.pg_table_is_visible(c.oid)"
		if table.Schema != "" {
			where = "n.nspname = ?1"
		} else if err := db.NewRaw("SELECT coalesce(pg_catalog.current_schema(), '')").Scan(ctx, &l.schema); err != nil {
			return nil, fmt.Errorf("look for %s: %w", l.version, err)
		}
		err = db.NewRaw("SELECT n.nspname AS s, c.relname AS n FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "+
			"WHERE c.relkind IN ('r', 'p') AND c.relname IN (?0) AND "+where, names, table.Schema).Scan(ctx, &found)
	case dbmodule.MySQL:
		if table.Schema == "" {
			if err := db.NewRaw("SELECT coalesce(DATABASE(), '')").Scan(ctx, &l.schema); err != nil {
				return nil, fmt.Errorf("look for %s: %w", l.version, err)
			}
		}
		err = db.NewRaw("SELECT table_schema AS s, table_name AS n FROM information_schema.tables WHERE table_schema = ? AND table_name IN (?)", l.schema, names).Scan(ctx, &found)
	default:
		if table.Schema == "" {
			l.schema = "main"
		}
		err = db.NewRaw("SELECT ? AS s, name AS n FROM ?.sqlite_master WHERE type = 'table' AND name IN (?)", l.schema, bun.Ident(l.schema), names).Scan(ctx, &found)
	}
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", l.version, err)
	}
	l.version, l.historyTable = l.quoted(l.schema, table.name()), l.quoted(l.schema, table.history())
	for _, f := range found {
		if f.Name == table.name() {
			l.hasVersion, l.version = true, l.quoted(f.Schema, f.Name)
		} else {
			l.hasHistory, l.historyTable = true, l.quoted(f.Schema, f.Name)
		}
	}
	return l, nil
}

// engineOf returns the engine of db.
func engineOf(db bun.IDB) (dbmodule.Engine, error) {
	switch name := db.Dialect().Name(); name {
	case bundialect.SQLite:
		return dbmodule.SQLite, nil
	case bundialect.PG:
		return dbmodule.PostgreSQL, nil
	case bundialect.MySQL:
		return dbmodule.MySQL, nil
	default:
		return "", fmt.Errorf("migrate: no engine for Bun's dialect %s", name)
	}
}

// create returns the statements that create the missing tables.
func (l *ledger) create() []string {
	var statements []string
	if !l.hasVersion {
		statements = append(statements, createVersion(l.version, l.quoted("", l.table.name()+"_pkc")))
	}
	if !l.hasHistory {
		statements = append(statements, createHistory(l.historyTable, l.engine))
	}
	return statements
}

// heads returns the rows of the version table, sorted.
func (l *ledger) heads(ctx context.Context, db bun.IDB) ([]string, error) {
	var heads []string
	if err := db.NewRaw("SELECT version_num FROM ?", bun.Safe(l.version)).Scan(ctx, &heads); err != nil {
		return nil, fmt.Errorf("migrate: read %s: %w", l.version, err)
	}
	slices.Sort(heads)
	return heads, nil
}

// errMoved means that the version table has changed since the step was planned.
var errMoved = errors.New("another process changed the version table meanwhile: nothing was recorded, run the command again")

// moves returns the statements that record a step in the version table, as Alembic writes
// them. Each changes exactly one row.
func (l *ledger) moves(d schema.Dialect, step Step) []string {
	var statements []string
	add := func(format string, args ...any) {
		args = append([]any{bun.Safe(l.version)}, args...)
		statements = append(statements, schema.NewQueryGen(d).FormatQuery(format, args...))
	}
	for _, id := range step.Deletes {
		add("DELETE FROM ? WHERE version_num = ?", id)
	}
	for _, id := range step.Inserts {
		add("INSERT INTO ? (version_num) VALUES (?)", id)
	}
	for _, update := range step.Updates {
		add("UPDATE ? SET version_num = ? WHERE version_num = ?", update.To, update.From)
	}
	return statements
}

// move records a step in the version table. If a row is not as the step expects it, the error is
// errMoved.
func (l *ledger) move(ctx context.Context, db bun.IDB, step Step) error {
	for _, statement := range l.moves(db.Dialect(), step) {
		result, err := db.ExecContext(ctx, "?", bun.Safe(statement))
		if err != nil {
			return fmt.Errorf("write %s: %w", l.version, err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(errMoved, err)
		}
	}
	return nil
}

// empty removes all rows of the version table.
func (l *ledger) empty(ctx context.Context, db bun.IDB) error {
	if _, err := db.NewRaw("DELETE FROM ?", bun.Safe(l.version)).Exec(ctx); err != nil {
		return fmt.Errorf("empty %s: %w", l.version, err)
	}
	return nil
}

// history returns all entries, oldest first, without the SQL of downgrades.
func (l *ledger) history(ctx context.Context, db bun.IDB) ([]Entry, error) {
	return l.entries(ctx, db, func(q *bun.SelectQuery) *bun.SelectQuery { return q.ExcludeColumn("down_sql") })
}

// entries returns the entries that narrow selects, oldest first.
func (l *ledger) entries(ctx context.Context, db bun.IDB, narrow func(*bun.SelectQuery) *bun.SelectQuery) ([]Entry, error) {
	var entries []Entry
	err := db.NewSelect().Model(&entries).ModelTableExpr("? AS entry", bun.Safe(l.historyTable)).Apply(narrow).Order("id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: read %s: %w", l.historyTable, err)
	}
	return entries, nil
}

// unfinished returns the entry of a step that has begun and is not complete, or
// nil.
func (l *ledger) unfinished(ctx context.Context, db bun.IDB, revision string, direction graph.Direction) (*Entry, error) {
	entries, err := l.entries(ctx, db, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("status = ?", StatusRunning).Where("revision = ?", revision).Where("direction = ?", direction)
	})
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return &entries[0], nil
}

// reread reads an entry again.
func (l *ledger) reread(ctx context.Context, db bun.IDB, e *Entry) error {
	if err := db.NewSelect().Model(e).ModelTableExpr("? AS entry", bun.Safe(l.historyTable)).WherePK().Scan(ctx); err != nil {
		return fmt.Errorf("read %s: %w", l.historyTable, err)
	}
	return nil
}

func (l *ledger) insert(ctx context.Context, db bun.IDB, e *Entry) error {
	if _, err := db.NewInsert().Model(e).ModelTableExpr("?", bun.Safe(l.historyTable)).Exec(ctx); err != nil {
		return fmt.Errorf("write %s: %w", l.historyTable, err)
	}
	return nil
}

// update writes an entry that is not complete.
func (l *ledger) update(ctx context.Context, db bun.IDB, e *Entry) error {
	return l.updated(ctx, db.NewUpdate().Model(e), e)
}

// progress writes only the columns for the progress of an entry.
func (l *ledger) progress(ctx context.Context, db bun.IDB, e *Entry) error {
	return l.updated(ctx, db.NewUpdate().Model(e).Column("statements_done", "done_hashes", "in_doubt", "error"), e)
}

// updated runs an update of an entry. If the entry is no longer running, the error is errMoved.
func (l *ledger) updated(ctx context.Context, q *bun.UpdateQuery, e *Entry) error {
	result, err := q.ModelTableExpr("? AS entry", bun.Safe(l.historyTable)).Where("id = ?", e.ID).Where("status = ?", StatusRunning).Exec(ctx)
	if err != nil {
		return fmt.Errorf("write %s: %w", l.historyTable, err)
	}
	// MySQL counts changed rows only; here each update changes something.
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return errMoved
	}
	return nil
}

// giveUp marks unfinished entries as given up.
func (l *ledger) giveUp(ctx context.Context, db bun.IDB, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := db.NewRaw("UPDATE ? SET status = ? WHERE status = ? AND id IN (?)", bun.Safe(l.historyTable), StatusGivenUp, StatusRunning, bun.List(ids)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("write %s: %w", l.historyTable, err)
	}
	return nil
}
