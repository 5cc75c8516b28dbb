package autogen

import (
	"context"
	"fmt"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/schema"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	bunschema "github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule"
)

// engine has the operations that differ between engines. Implementations have no state.
type engine interface {
	name() dbmodule.Engine

	// newDialect returns a new dialect of Bun, without models.
	newDialect() bunschema.Dialect
	// parseType parses a type in the spelling of any engine.
	parseType(declared string) (schema.Type, error)
	// ownType parses a type in the engine's own spelling, and does not translate it.
	ownType(declared string) (schema.Type, error)
	// defaultOf renders a column's default; nil means that it has none.
	defaultOf(t schema.Type, d defaultValue) schema.Expr
	// identify makes the database number the column.
	identify(t *schema.Table, c *schema.Column) error
	// collate sets the collation that a type tag asked for.
	collate(c *schema.Column, collation string)
	// finish completes a converted table. It returns an error if the engine can't have the table.
	finish(t *schema.Table) error
	// index sets a partial index's condition.
	index(i *schema.Index, where string) error
	// comment checks the text of a comment. It returns "" if the engine has no comments.
	comment(text string) (string, error)
	// schemaName checks the schema of a model that names one.
	schemaName(name string) (string, error)
	// measure returns the length of an identifier, the longest length allowed (0 = no
	// limit), and the unit of both.
	measure(name string) (length, longest int, unit string)
	// identQuotes are the characters that an identifier can't have.
	identQuotes() string

	// planner, differ and hcl return atlas's planner, differ and codec for the engine.
	planner() migrate.PlanApplier
	differ() schema.Differ
	hcl() hclCodec
	// overlooked returns changes of a column that atlas's differ does not find.
	overlooked(from, to *schema.Column) schema.ChangeKind
	// rename renders a rename as statements.
	rename(r renaming) []string
	// draft renders changes between two schemas as statements for a file.
	draft(ctx context.Context, from, to *schema.Realm, changes []schema.Change) ([]string, error)
	// open returns atlas's driver, which reads the database through db.
	open(db schema.ExecQuerier) (migrate.Driver, error)
	// tables lists the tables of the connection's default schema, except the tables of Alembic and
	// of package migrate.
	tables(ctx context.Context, conn bun.Conn) ([]tableName, error)
	// types returns the statements that create the types of the connection's default
	// schema.
	types(ctx context.Context, conn bun.Conn) ([]string, error)
	// complete reads those parts of tables that atlas does not read, and returns the objects that
	// can't be read.
	complete(ctx context.Context, conn bun.Conn, tables []*schema.Table) (unread, error)
	// whyUnmanaged returns the reason why models can't express an index, or "" if they can.
	whyUnmanaged(index *schema.Index) string
	// accept makes a column of the database and of the model equal where they mean the
	// same. known is the snapshot's column, or nil; table is the table of live.
	accept(live, want, known *schema.Column, table *schema.Table)
	// normalize removes from an inspected table what the server added to it.
	normalize(live, want *schema.Table)

	// equalDefaults finds the columns of asked whose default equals the table's: the database
	// stores both as the same text. db may be in a transaction, which stays open.
	equalDefaults(ctx context.Context, db bun.IConn, table tableName, asked []*schema.Column) (defaultsAnswer, error)

	// exclusive runs fn while no other process creates or drops tables: in one
	// transaction, if the engine's DDL is transactional.
	exclusive(ctx context.Context, conn bun.Conn, fn func(db bun.IConn) error) error
	// unenforced runs fn while the connection does not enforce foreign keys, if the
	// engine needs that to create or drop tables in a cycle.
	unenforced(ctx context.Context, conn bun.Conn, fn func() error) error
	// forwardReferences says whether a table can be created before one that it refers
	// to; enforced says whether it can while foreign keys are enforced.
	forwardReferences() (possible, enforced bool)
	// prepare creates what must exist before the tables.
	prepare(ctx context.Context, db bun.IConn, tables []tableName) error
	// find looks for the tables and views that have these names.
	find(ctx context.Context, db bun.IConn, tables []tableName) (map[tableName]relation, error)
	// hidden returns the tables, among those that find did not find, that may exist: the server
	// does not show them to this user.
	hidden(ctx context.Context, db bun.IConn, tables []tableName) ([]LeftAlone, error)
	// references lists the foreign keys that refer to these tables.
	references(ctx context.Context, db bun.IConn, tables []relation) ([]reference, error)
	// dropStatements returns the statements that drop tables. Each table comes before
	// those that it refers to, except in a cycle.
	dropStatements(tables []relation) []string
}

// tableName is a table as a model names it; schema is empty for the default.
type tableName struct{ schema, name string }

func (n tableName) String() string {
	if n.schema == "" {
		return n.name
	}
	return n.schema + "." + n.name
}

// relation is a table or view as the database names it.
type relation struct {
	tableName
	isTable bool
}

// reference is a foreign key between two tables of the database.
type reference struct {
	constraint    string
	child, parent tableName
}

func engineOf(name dbmodule.Engine) (engine, error) {
	switch name {
	case dbmodule.SQLite:
		return sqliteEngine{}, nil
	case dbmodule.PostgreSQL:
		return postgresEngine{}, nil
	case dbmodule.MySQL:
		return mysqlEngine{}, nil
	default:
		return nil, fmt.Errorf("autogen: no engine %q", name)
	}
}

func engineOfDialect(d bunschema.Dialect) (engine, error) {
	switch d.Name() {
	case dialect.SQLite:
		return sqliteEngine{}, nil
	case dialect.PG:
		return postgresEngine{}, nil
	case dialect.MySQL:
		return mysqlEngine{}, nil
	default:
		return nil, fmt.Errorf("autogen: no engine for Bun's dialect %s", d.Name())
	}
}
