package dbmodule

import (
	"context"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
)

// modelsGroup is the fx value group that [Models] adds to and [Params] reads.
const modelsGroup = `group:"dbmodule.models,flatten"`

// Models adds models to the application's metadata, as nil pointers to their
// structs: dbmodule.Models((*Book)(nil), (*Author)(nil)). In SQLAlchemy,
// inheriting from Base does this. The tables of all these models
// belong to the database, whichever packages they come from and in
// whichever order. The join table of an m2m relation is a model too.
//
// A wrong model is an error of the application's start, not a panic here.
func Models(models ...any) fx.Option {
	return fx.Supply(fx.Annotate(models, fx.ResultTags(modelsGroup)))
}

// Index is an index that a model defines by [Indexer]. For a unique index on
// whole columns you can also use Bun's unique tag.
type Index struct {
	// Name defaults to ix_ or, for a unique index, uq_, followed by the table
	// and the columns; a name longer than 63 bytes ends in a hash instead.
	Name string
	// Columns are names of columns, each alone or followed by ASC (the
	// default) or DESC.
	Columns []string
	// Unique refuses rows that are equal in all columns. Rows with a NULL in
	// one of them are never equal.
	Unique bool
	// Where limits the index to rows for which this SQL condition holds.
	// MySQL and MariaDB have no such indexes: there a plain index covers all
	// rows, and a unique index is an error, because its rule would differ.
	Where string
}

// Indexer is a model with indexes. Indexes is called on a zero value and
// returns the same list each time.
type Indexer interface {
	Indexes() []Index
}

// Check is a condition that every row of a table must satisfy.
type Check struct {
	// Name defaults to ck_, the table and a hash of the expression.
	Name string
	// Expression is SQL that all engines in use understand. A row for which
	// it is NULL passes.
	Expression string
}

// Checker is a model with checks. Checks is called on a zero value and
// returns the same list each time.
type Checker interface {
	Checks() []Check
}

// Commenter is a model whose table and columns carry comments in the
// database. SQLite keeps none. Both methods are called on a zero value; an
// empty text is no comment.
type Commenter interface {
	TableComment() string
	// ColumnComments maps names of columns to texts.
	ColumnComments() map[string]string
}

// ColumnTyper is a model with columns whose type on one engine differs from
// the type that the tag means there. For example, type:text makes a LONGTEXT on
// MySQL, so that it can hold as much as on the other engines; a ColumnTyper can
// choose TEXT. In SQLAlchemy, with_variant does this. ColumnTypes is called on a
// zero value and returns the same each time.
type ColumnTyper interface {
	// ColumnTypes maps names of columns to types in the engine's spelling,
	// which are used unchanged: {"body": "text", "seen": "timestamp(0)"} on
	// MySQL. Other columns have the type of their tag. Return nil for engines
	// where no type differs.
	ColumnTypes(engine Engine) map[string]string
}

// Unmanaged lists parts of a model's table that are in the database but not in
// the model, because revisions written by hand or a DBA made them. Comparisons
// leave them alone, and nothing reports them. Names can have the wildcards * (any
// text) and ? (one character), as in "dba_*". In Alembic, include_object and
// include_name do this.
//
// Objects that a model can't describe (an index on an expression, GIN, INCLUDE, a
// generated column) are left alone in any case; check then names them in a note,
// and an entry here removes the note. Objects that a model could describe but does
// not (a plain index, a column) are a difference unless they are listed here.
type Unmanaged struct {
	// Table leaves the whole table alone, for a model of a view or of
	// another program's table: no revision creates, changes or drops it, and it
	// is not created at the start of the program. A relation to it
	// becomes no foreign key.
	Table bool
	// Columns, Indexes, ForeignKeys and Checks are names or patterns of names.
	// A unique constraint is an index.
	Columns, Indexes, ForeignKeys, Checks []string
}

// Unmanager is a model whose table has parts that the model does not manage.
// Unmanaged is called on a zero value and returns the same each time.
type Unmanager interface {
	Unmanaged() Unmanaged
}

// ForeignKeyNamer is a model whose foreign keys do not have the default names
// (fk_, the table and the columns), for example because another tool made the
// database. The map's keys are a foreign key's column, or its columns with
// commas and no spaces between them; its values are the names. The method is
// called on a zero value and returns the same each time.
type ForeignKeyNamer interface {
	ForeignKeyNames() map[string]string
}

// TableManager creates and drops the tables of models. autogen.NewTables
// makes one; the interface is here so that this package doesn't link the code
// that plans DDL. Implementations are safe for concurrent use.
type TableManager interface {
	// Create creates the models' tables that do not exist, with indexes
	// and constraints, and returns their names in the order of creation. It
	// never alters existing tables. Several processes may call it at
	// the same time.
	Create(ctx context.Context, conn bun.Conn, models []any) (created []string, err error)
	// Drop drops the models' tables that exist, and returns their names
	// in the order in which it dropped them. If a table outside the models refers
	// to one of them, it returns an error and drops nothing.
	Drop(ctx context.Context, conn bun.Conn, models []any) (dropped []string, err error)
	// Missing returns the names of the models' tables that do not exist, in
	// alphabetical order.
	Missing(ctx context.Context, db bun.IDB, models []any) ([]string, error)
}
