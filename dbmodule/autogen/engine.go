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

// engine is what the engines do differently. Implementations hold no state.
type engine interface {
	name() dbmodule.Engine

	// newDialect makes a dialect that knows no models yet.
	newDialect() bunschema.Dialect
	// parseType reads a type in any engine's spelling.
	parseType(declared string) (schema.Type, error)
	// ownType reads a type in the engine's own spelling and as it is.
	ownType(declared string) (schema.Type, error)
	// defaultOf renders a column's default; nil means that it has none.
	defaultOf(t schema.Type, d defaultValue) schema.Expr
	// identify makes the database number the column.
	identify(t *schema.Table, c *schema.Column) error
	// collate sets the collation that a type tag asked for.
	collate(c *schema.Column, collation string)
	// finish sets what every table has, and checks what only the whole table
	// shows.
	finish(t *schema.Table) error
	// index sets a partial index's condition.
	index(i *schema.Index, where string) error
	// comment checks the text of a comment; empty means that it keeps none.
	comment(text string) (string, error)
	// schemaName checks the schema of a model that names one.
	schemaName(name string) (string, error)
	// measure returns the length of an identifier, the longest that it can
	// have (0 is without limit), and what these count.
	measure(name string) (length, longest int, unit string)
	// identQuotes are the characters that an identifier can't have.
	identQuotes() string

	planner() migrate.PlanApplier
	differ() schema.Differ
	hcl() hclCodec
	// overlooked returns how a column changes in ways that atlas's differ
	// doesn't see.
	overlooked(from, to *schema.Column) schema.ChangeKind
	// rename renders a rename as statements.
	rename(r renaming) []string
	// draft renders changes between two schemas as statements for a file.
	draft(ctx context.Context, from, to *schema.Realm, changes []schema.Change) ([]string, error)
	open(db schema.ExecQuerier) (migrate.Driver, error)
	// tables lists the tables of the connection's own schema, but for those
	// that keep what revisions were applied.
	tables(ctx context.Context, conn bun.Conn) ([]tableName, error)
	// types are the statements that make the types of the connection's own
	// schema.
	types(ctx context.Context, conn bun.Conn) ([]string, error)
	// complete adds to tables what atlas can't read, and names what could not
	// be read.
	complete(ctx context.Context, conn bun.Conn, tables []*schema.Table) (unread, error)
	// unsaid says why models have no words for an index; empty if they have.
	unsaid(index *schema.Index) string
	// accept makes a column of the database and the model's agree where they
	// mean the same. known is the snapshot's, or nil; table is live's.
	accept(live, want, known *schema.Column, table *schema.Table)
	// normalize removes from an inspected table what the server added to it.
	normalize(live, want *schema.Table)

	// equalDefaults asks the database which of these columns' defaults it
	// keeps as it keeps those of the table that it has. db may be in a
	// transaction, which goes on.
	equalDefaults(ctx context.Context, db bun.IConn, table tableName, asked []*schema.Column) (defaultsAnswer, error)

	// exclusive runs fn while no other process creates or drops tables, in
	// one transaction where DDL has one.
	exclusive(ctx context.Context, conn bun.Conn, fn func(db bun.IConn) error) error
	// unenforced runs fn with the connection's foreign keys not enforced,
	// where dropping or creating tables in a cycle needs that.
	unenforced(ctx context.Context, conn bun.Conn, fn func() error) error
	// forwardReferences says that a table can be created before one that it
	// refers to; enforced, that it can even while foreign keys are enforced.
	forwardReferences() (possible, enforced bool)
	// prepare makes what must be there before the tables.
	prepare(ctx context.Context, db bun.IConn, tables []tableName) error
	// find looks for the tables and views that have these names.
	find(ctx context.Context, db bun.IConn, tables []tableName) (map[tableName]relation, error)
	// hidden names those of these tables, which find did not find, that may be
	// there all the same: the server doesn't tell this user.
	hidden(ctx context.Context, db bun.IConn, tables []tableName) ([]LeftAlone, error)
	// references lists the foreign keys that lead to these tables.
	references(ctx context.Context, db bun.IConn, tables []relation) ([]reference, error)
	// dropStatements drops tables, of which each comes before those that it
	// refers to unless they form a cycle.
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
