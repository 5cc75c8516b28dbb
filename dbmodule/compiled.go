package dbmodule

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/internal/compiled"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Compiled is a query that is written once with Bun's builders and run many times. The
// builders' work is done once, when the query is made, and not for each run.
// [CompileSelect], [CompileUpdate] and [CompileDelete] make one, at the start of a
// program. It is safe for concurrent use.
//
// M is the model: a struct with a table, as for Bun. P is a struct whose fields are the
// query's parameters, by the names that Bun gives to fields. The query's text names a
// parameter by ?name, like a field of a struct argument of Bun's. Some queries take
// values of their model by themselves: WherePK does, and an UPDATE that names its
// columns. Then the parameters of those names give these values. P can be M itself. In a
// subquery over a model Bun takes a name for that model's own value if the model has a column
// of the name: give such parameters other names.
//
// A run sends the same text that Bun's builder would have sent. So everything that
// sessions guarantee for statements holds: transactions, limits, replicas, prepared
// statements, logs and observers. Errors are the same, and rows are read to the same Go
// values.
//
// These are errors when the query is made:
//
//   - a parameter that the query names and P does not have, or that P has and the query
//     does not name (unless P is M)
//   - a column that the model does not have, in a query over one table whose parts are
//     names, comparisons and values; in other queries the database reports it
//   - a query that differs from run to run, or is more than one statement: relations,
//     Bun's soft delete, and models with hooks that receive the query, such as
//     BeforeSelect. Hooks for rows and for models that are written are called.
//
// A comment from the context (bun.WithComment) is not added. Bun's Limit takes no
// parameter; write such a limit after the order: OrderExpr("id LIMIT ?limit").
type Compiled[M, P any] struct {
	query *compiled.Query
}

// CompileSelect makes a SELECT for the database of these sessions. build writes it: it
// gets a query whose model is set, and returns that query. build may be called more than
// once, until the program ends, and must depend only on its argument.
func CompileSelect[M, P any](sessions *SessionFactory, build func(*bun.SelectQuery) *bun.SelectQuery) (*Compiled[M, P], error) {
	return compile[M, P](sessions, "select", func(db *bun.DB, model any) bun.Query { return build(db.NewSelect().Model(model)) })
}

// CompileUpdate makes an UPDATE; see [CompileSelect].
func CompileUpdate[M, P any](sessions *SessionFactory, build func(*bun.UpdateQuery) *bun.UpdateQuery) (*Compiled[M, P], error) {
	return compile[M, P](sessions, "update", func(db *bun.DB, model any) bun.Query { return build(db.NewUpdate().Model(model)) })
}

// CompileDelete makes a DELETE; see [CompileSelect].
func CompileDelete[M, P any](sessions *SessionFactory, build func(*bun.DeleteQuery) *bun.DeleteQuery) (*Compiled[M, P], error) {
	return compile[M, P](sessions, "delete", func(db *bun.DB, model any) bun.Query { return build(db.NewDelete().Model(model)) })
}

func compile[M, P any](sessions *SessionFactory, what string, build compiled.Build) (*Compiled[M, P], error) {
	query, err := compileQuery(sessions, what, reflect.TypeFor[M](), reflect.TypeFor[P](), build)
	if err != nil {
		return nil, err
	}
	return &Compiled[M, P]{query}, nil
}

func compileQuery(sessions *SessionFactory, what string, model, parameters reflect.Type, build compiled.Build) (*compiled.Query, error) {
	query, err := compiled.New(sessions.writer.db, sessions.dialect, model, parameters, build)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: compile %s of %s: %w", what, model, err)
	}
	return query, nil
}

// One runs the query and returns the first row, or [ErrNotFound].
func (c *Compiled[M, P]) One(ctx context.Context, s *Session, parameters P) (*M, error) {
	text, err := c.text(ctx, &parameters)
	if err != nil {
		return nil, err
	}
	result := &compiled.One[M]{Rows: c.query.Rows(), Row: new(M), Whole: text.Writes}
	n, err := s.scanText(ctx, &text, result)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return result.Row, nil
}

// All runs the query and returns all rows. If there are none, the slice is empty and not
// nil.
func (c *Compiled[M, P]) All(ctx context.Context, s *Session, parameters P) ([]M, error) {
	text, err := c.text(ctx, &parameters)
	if err != nil {
		return nil, err
	}
	result := &compiled.Many[M]{Rows: c.query.Rows(), All: make([]M, 0, c.query.Expected())}
	if _, err := s.scanText(ctx, &text, result); err != nil {
		return nil, err
	}
	c.query.Expect(len(result.All))
	return result.All, nil
}

// Each runs the query and calls do with each row, until do returns false: so only one row is
// in memory at a time. The row is another one after do. Meanwhile the session is in use: do
// must run nothing on it, and all of it counts as one statement for the time limit.
func (c *Compiled[M, P]) Each(ctx context.Context, s *Session, parameters P, do func(row *M) (more bool)) error {
	text, err := c.text(ctx, &parameters)
	if err == nil {
		_, err = s.scanText(ctx, &text, &compiled.Each[M]{Rows: c.query.Rows(), Do: do})
	}
	return err
}

// Exec runs the query and returns how many rows it changed. Rows that the query returns
// are read and dropped.
func (c *Compiled[M, P]) Exec(ctx context.Context, s *Session, parameters P) (sql.Result, error) {
	text, err := c.text(ctx, &parameters)
	if err != nil {
		return nil, err
	}
	if !text.Returns {
		return s.execText(ctx, &text)
	}
	n, err := s.scanText(ctx, &text, &compiled.Many[M]{Rows: c.query.Rows()})
	return driver.RowsAffected(n), err
}

// text writes the query. A model that is the parameters has its hook called before, as
// Bun does.
func (c *Compiled[M, P]) text(ctx context.Context, parameters *P) (compiled.Text, error) {
	if model, ok := any(parameters).(*M); ok {
		if err := c.query.BeforeAppend(ctx, model); err != nil {
			return compiled.Text{}, err
		}
	}
	text, err := c.query.Text(reflect.ValueOf(parameters).Elem())
	if err != nil {
		return compiled.Text{}, fmt.Errorf("dbmodule: write compiled query: %w", err)
	}
	return text, nil
}

// Reader reads the rows of ordinary SELECTs into structs of the model M, one by one. It does
// for queries that differ from run to run what [Compiled.Each] does: how a row becomes a struct is
// found out once for the columns that come, and only one row is in memory at a time. It is safe for
// concurrent use.
type Reader[M any] struct {
	rows *compiled.Rows
}

// NewReader makes a reader of a model, a struct with a table, for the database of these sessions.
func NewReader[M any](sessions *SessionFactory) (*Reader[M], error) {
	rows, err := compiled.NewRows(sessions.writer.db, reflect.TypeFor[M]())
	if err != nil {
		return nil, fmt.Errorf("dbmodule: make reader of %s: %w", reflect.TypeFor[M](), err)
	}
	return &Reader[M]{rows}, nil
}

// Each runs the query and calls do with each row, until do returns false; see [Compiled.Each]. The
// query's columns are those of M, as for Scan of Bun's: one that M does not have is an error, unless its name
// begins with _. Bun's relations are not read, and a comment from the context (bun.WithComment) is not added.
func (r *Reader[M]) Each(ctx context.Context, s *Session, q *bun.SelectQuery, do func(row *M) (more bool)) error {
	if hook, ok := q.GetModel().(schema.BeforeAppendModelHook); ok { // as Bun calls it for a model with values
		if err := hook.BeforeAppendModel(ctx, q); err != nil {
			return err
		}
	}
	query, err := q.AppendQuery(q.DB().QueryGen(), nil)
	if err != nil {
		return err
	}
	text := compiled.Text{Query: string(query), Returns: true}
	text.Plain = s.options.readOnly && sqltext.PlainSelect(s.factory.dialect, text.Query)
	_, err = s.scanText(ctx, &text, &compiled.Each[M]{Rows: r.rows, Do: do})
	return err
}

// CompiledInsert is an INSERT of structs of the model M that was written once; see
// [Compiled]. With On it is an upsert. [CompileInsert] makes one. It is safe for
// concurrent use.
type CompiledInsert[M any] struct {
	query *compiled.Query
}

// CompileInsert makes an INSERT for the database of these sessions. The parameters are
// the struct's fields, also those that the query names. See [CompileSelect] for build.
func CompileInsert[M any](sessions *SessionFactory, build func(*bun.InsertQuery) *bun.InsertQuery) (*CompiledInsert[M], error) {
	model := reflect.TypeFor[M]()
	query, err := compileQuery(sessions, "insert", model, model, func(db *bun.DB, model any) bun.Query { return build(db.NewInsert().Model(model)) })
	if err != nil {
		return nil, err
	}
	return &CompiledInsert[M]{query}, nil
}

// Exec stores a struct. As with Bun, columns that the database fills, such as an
// autoincrement key, are read back into it.
func (c *CompiledInsert[M]) Exec(ctx context.Context, s *Session, row *M) (sql.Result, error) {
	if err := c.query.BeforeAppend(ctx, row); err != nil {
		return nil, err
	}
	value := reflect.ValueOf(row).Elem()
	text, err := c.query.Text(value)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: write compiled insert: %w", err)
	}
	if text.Returns {
		n, err := s.scanText(ctx, &text, &compiled.One[M]{Rows: c.query.Rows(), Row: row, Whole: true})
		return driver.RowsAffected(n), err
	}
	result, err := s.execText(ctx, &text)
	if err == nil {
		err = c.setInsertID(result, value)
	}
	return result, err
}

// ExecAll stores one or more structs in one statement. It reads back what the database
// returns as Bun does: into the structs in turn, and the slice then is as long as there
// were rows. If the structs do not all have the same zero fields, Bun's own builder
// writes the statement.
func (c *CompiledInsert[M]) ExecAll(ctx context.Context, s *Session, rows *[]M) (sql.Result, error) {
	slice := reflect.ValueOf(rows).Elem()
	for i := range *rows {
		if err := c.query.BeforeAppend(ctx, &(*rows)[i]); err != nil {
			return nil, err
		}
	}
	text, err := c.query.TextOfAll(slice)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: write compiled insert: %w", err)
	}
	if text.Returns {
		result := &compiled.Many[M]{Rows: c.query.Rows(), All: *rows}
		n, err := s.scanText(ctx, &text, result)
		*rows = result.All
		return driver.RowsAffected(n), err
	}
	result, err := s.execText(ctx, &text)
	if err != nil {
		return result, err
	}
	values := make([]reflect.Value, len(*rows))
	for i := range values {
		values[i] = slice.Index(i)
	}
	return result, c.setInsertID(result, values...)
}

func (c *CompiledInsert[M]) setInsertID(result sql.Result, rows ...reflect.Value) error {
	if !c.query.TakesInsertID() {
		return nil
	}
	id, err := result.LastInsertId()
	if err != nil {
		return err
	}
	return c.query.SetInsertID(id, rows...)
}

// scanText runs a compiled query, and reads its rows.
func (s *Session) scanText(ctx context.Context, text *compiled.Text, into compiled.Into) (n int, err error) {
	if s.hasHooks() {
		model := &hookedModel{Into: into}
		err := s.NewRaw("?", bun.Safe(text.Query)).Scan(ctx, model)
		return model.rows, err
	}
	if !into.HasHooks() {
		return s.readText(ctx, text, into)
	}
	rows, err := (*builder)(s).QueryContext(ctx, text.Query)
	if err != nil {
		return 0, err
	}
	defer func() {
		if late := rows.Close(); err == nil {
			err = late
		}
	}()
	return into.Scan(ctx, compiled.FromSQL(rows))
}

// execText runs a compiled query without a result.
func (s *Session) execText(ctx context.Context, text *compiled.Text) (sql.Result, error) {
	if s.hasHooks() {
		return s.NewRaw("?", bun.Safe(text.Query)).Exec(ctx)
	}
	return s.runText(ctx, text)
}

// hasHooks reports whether the bun.DB has query hooks, such as BUNDEBUG's. Only Bun's builders
// call them.
func (s *Session) hasHooks() bool {
	return reflect.ValueOf(s.bun()).Elem().FieldByIndex(queryHooks).Len() > 0
}

// queryHooks is the field of a bun.DB that has its hooks. It is not exported.
var queryHooks = func() []int {
	field, _ := reflect.TypeFor[bun.DB]().FieldByName("queryHooks") // TestCompiledQueriesCallHooks fails if it is gone
	return field.Index
}()

// hookedModel is a bun.Model that reads the rows of a compiled query, and counts them.
type hookedModel struct {
	compiled.Into
	rows int
}

// ScanRows implements bun.Model.
func (m *hookedModel) ScanRows(ctx context.Context, rows *sql.Rows) (n int, err error) {
	m.rows, err = m.Scan(ctx, compiled.FromSQL(rows))
	return m.rows, err
}
