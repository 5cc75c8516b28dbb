package dbmodule

import (
	"context"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
)

// modelsGroup is the fx value group that [Models] adds to and [Params] reads.
const modelsGroup = `group:"dbmodule.models,flatten"`

// Models adds models to the application's metadata, as nil pointers to their
// structs: dbmodule.Models((*Book)(nil), (*Author)(nil)). It is what
// inheriting from Base is in SQLAlchemy: the tables of all models that joined
// this way belong to the database, whichever packages they come from and in
// whichever order. The join table of an m2m relation is a model too.
//
// A wrong model is an error of the application's start, not a panic here.
func Models(models ...any) fx.Option {
	return fx.Supply(fx.Annotate(models, fx.ResultTags(modelsGroup)))
}

// Index is an index that a model asks for by [Indexer]. A uniqueness that
// holds for whole columns can also be Bun's unique tag.
type Index struct {
	// Name defaults to ix_ or, for a unique index, uq_, followed by the table
	// and the columns; what is longer than 63 bytes ends in a hash instead.
	Name string
	// Columns are names of columns, each alone or followed by ASC (the
	// default) or DESC.
	Columns []string
	// Unique refuses rows that are equal in all columns. Rows with a NULL in
	// one of them are never equal.
	Unique bool
	// Where limits the index to rows for which this SQL condition holds.
	// MySQL and MariaDB have no such indexes: there a plain one covers all
	// rows, and a unique one is an error, since it would mean another rule.
	Where string
}

// Indexer is a model with indexes. Indexes is called on a zero value and
// returns the same list each time.
type Indexer interface {
	Indexes() []Index
}

// Check is a condition that the database holds every row of a table to.
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

// ColumnTyper is a model some of whose columns have another type on one engine
// than the type tag means there: TEXT on MySQL, say, where type:text makes a
// LONGTEXT so that it holds what it does on the other engines. It is what
// with_variant is in SQLAlchemy. ColumnTypes is called on a zero value and
// returns the same each time.
type ColumnTyper interface {
	// ColumnTypes maps names of columns to types as the engine spells them,
	// taken as they are: {"body": "text", "seen": "timestamp(0)"} on MySQL.
	// Other columns have the type of their tag. It is nil on engines where
	// none differs.
	ColumnTypes(engine Engine) map[string]string
}

// Unmanaged says which parts of a model's table exist in the database beside
// the model: revisions written by hand or a DBA made them. Comparisons leave
// them alone, and nothing reports them. Names can have the wildcards * (any
// text) and ? (one character), as in "dba_*". It is what include_object and
// include_name are in Alembic.
//
// What models have no words for (an index on an expression, GIN, INCLUDE, a
// generated column) is left alone in any case; check then names it in a note,
// and an entry here ends the note. What models could say and don't (a plain
// index, a column) is a difference until it stands here.
type Unmanaged struct {
	// Table leaves the whole table to others, for a model of a view or of
	// another program's table: no revision makes, changes or drops it, and it
	// is not created at the start of the program. A relation that leads to it
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

// ForeignKeyNamer is a model whose foreign keys have other names than the
// default one (fk_, the table and the columns): those of a database that
// another tool made. The map leads from a key's column, or its columns with
// commas and no spaces between them, to the name. It is called on a zero
// value and returns the same each time.
type ForeignKeyNamer interface {
	ForeignKeyNames() map[string]string
}

// TableManager creates and drops the tables of models. autogen.NewTables
// makes one; the interface is here so that this package doesn't link what
// planning DDL takes. Implementations are safe for concurrent use.
type TableManager interface {
	// Create creates the tables of models that are not there, with indexes
	// and constraints, and returns their names in the order of creation. It
	// leaves tables that exist as they are. Several processes may call it at
	// the same time.
	Create(ctx context.Context, conn bun.Conn, models []any) (created []string, err error)
	// Drop drops the tables of models that are there, and returns their names
	// in that order. If a table of nobody's models refers to one of them it
	// is an error and nothing is dropped.
	Drop(ctx context.Context, conn bun.Conn, models []any) (dropped []string, err error)
	// Missing names the tables of models that are not there, in the order of
	// the alphabet.
	Missing(ctx context.Context, db bun.IDB, models []any) ([]string, error)
}
