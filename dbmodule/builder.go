package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
)

// builder is the session as Bun's query builders see it. They have already written the
// arguments into the query, and call the query hooks themselves.
type builder Session

func (b *builder) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return (*Session)(b).exec(ctx, query, prepared.Origin{}, len(args) == 0, func(ctx context.Context, conn bun.Conn) (sql.Result, error) {
		return conn.Conn.ExecContext(ctx, query, args...)
	})
}

func (b *builder) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return (*Session)(b).query(ctx, query, len(args) == 0, func(ctx context.Context, conn bun.Conn) (*sql.Rows, error) {
		return conn.Conn.QueryContext(ctx, query, args...)
	})
}

func (b *builder) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return (*Session)(b).queryRow(ctx, query, len(args) == 0, func(ctx context.Context, conn bun.Conn) *sql.Row {
		return conn.Conn.QueryRowContext(ctx, query, args...)
	})
}

func (s *Session) bun() *bun.DB { return s.factory.writer.db }

func (s *Session) conn() bun.IConn { return (*builder)(s) }

// Dialect returns the dialect of the session's database.
func (s *Session) Dialect() schema.Dialect { return s.bun().Dialect() }

// NewValues builds a VALUES query on this session.
func (s *Session) NewValues(model any) *bun.ValuesQuery {
	return s.bun().NewValues(model).Conn(s.conn())
}

// NewSelect builds a SELECT on this session.
func (s *Session) NewSelect() *bun.SelectQuery { return s.bun().NewSelect().Conn(s.conn()) }

// NewInsert builds an INSERT on this session.
func (s *Session) NewInsert() *bun.InsertQuery { return s.bun().NewInsert().Conn(s.conn()) }

// NewUpdate builds an UPDATE on this session.
func (s *Session) NewUpdate() *bun.UpdateQuery { return s.bun().NewUpdate().Conn(s.conn()) }

// NewDelete builds a DELETE on this session.
func (s *Session) NewDelete() *bun.DeleteQuery { return s.bun().NewDelete().Conn(s.conn()) }

// NewMerge builds a MERGE on this session.
func (s *Session) NewMerge() *bun.MergeQuery { return s.bun().NewMerge().Conn(s.conn()) }

// NewRaw builds a query from SQL text with Bun's placeholders.
func (s *Session) NewRaw(query string, args ...any) *bun.RawQuery {
	return s.bun().NewRaw(query, args...).Conn(s.conn())
}

// NewCreateTable builds a CREATE TABLE on this session.
func (s *Session) NewCreateTable() *bun.CreateTableQuery {
	return s.bun().NewCreateTable().Conn(s.conn())
}

// NewDropTable builds a DROP TABLE on this session.
func (s *Session) NewDropTable() *bun.DropTableQuery { return s.bun().NewDropTable().Conn(s.conn()) }

// NewCreateIndex builds a CREATE INDEX on this session.
func (s *Session) NewCreateIndex() *bun.CreateIndexQuery {
	return s.bun().NewCreateIndex().Conn(s.conn())
}

// NewDropIndex builds a DROP INDEX on this session.
func (s *Session) NewDropIndex() *bun.DropIndexQuery { return s.bun().NewDropIndex().Conn(s.conn()) }

// NewTruncateTable builds a TRUNCATE TABLE on this session.
func (s *Session) NewTruncateTable() *bun.TruncateTableQuery {
	return s.bun().NewTruncateTable().Conn(s.conn())
}

// NewAddColumn builds an ALTER TABLE ADD COLUMN on this session.
func (s *Session) NewAddColumn() *bun.AddColumnQuery { return s.bun().NewAddColumn().Conn(s.conn()) }

// NewDropColumn builds an ALTER TABLE DROP COLUMN on this session.
func (s *Session) NewDropColumn() *bun.DropColumnQuery { return s.bun().NewDropColumn().Conn(s.conn()) }

// failedRow makes an *sql.Row whose Scan returns err. Only a query that fails makes one.
func failedRow(ctx context.Context, err error) *sql.Row {
	db := sql.OpenDB(failingConnector{err})
	row := db.QueryRowContext(context.WithoutCancel(ctx), "") // else the end of ctx would be the error
	_ = db.Close()                                            // nothing was opened
	return row
}

type failingConnector struct{ err error }

func (c failingConnector) Connect(context.Context) (driver.Conn, error) { return nil, c.err }
func (failingConnector) Driver() driver.Driver                          { return refusingDriver{} }

// ForUpdate makes a SELECT lock the rows that it reads until the transaction
// ends. Use it when you compute a value from rows and write it back. Without a
// lock, two transactions may read the same value, and one of their changes is
// lost without an error, at PostgreSQL's and MySQL's default isolation levels.
// SQLite needs no lock, since only one transaction may write at a time there.
//
//	err := dbmodule.ForUpdate(s.NewSelect().Model(account).WherePK()).Scan(ctx)
func ForUpdate(query *bun.SelectQuery) *bun.SelectQuery {
	if query.DB().Dialect().Name() == dialect.SQLite {
		return query
	}
	return query.For("UPDATE")
}
