package compiled

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/feature"
	"github.com/uptrace/bun/schema"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Build makes a query with Bun's builders. model is a pointer to a struct or to a slice.
type Build func(db *bun.DB, model any) bun.Query

// Query is a compiled query. It is safe for concurrent use.
type Query struct {
	live    *bun.DB
	dialect sqltext.Dialect
	table   *schema.Table
	rows    *Rows
	build   Build
	// modelIsParameters is set if the model and the parameters are one type. Then the text
	// may depend on which fields are zero.
	modelIsParameters bool
	// writes is set unless the query is a SELECT.
	writes bool
	// hooked is the query that the model's hooks get. They only look at its type.
	hooked bun.Query

	mu       sync.Mutex // of writer
	writer   *writer
	rendered atomic.Pointer[rendering]
	expected atomic.Int64
}

// rendering is a query in all forms that were needed so far.
type rendering struct {
	// features are those of the server. MySQL's are known once it is connected.
	features feature.Feature
	// deciding are the fields that change the text when they are zero. Each has a bit in a
	// key of forms, the first bit 0.
	deciding []*schema.Field
	mu       sync.RWMutex
	forms    map[uint64]*form
}

// form is the query for structs in which the same fields are zero.
type form struct {
	// one is the query for one struct.
	one template
	// head, row and tail are an INSERT of several structs: row is repeated for each. They are
	// nil if that is not known.
	head, row, tail *template
	// pattern is the pattern of one's texts, allPattern that of the texts for several structs.
	pattern, allPattern *prepared.Pattern
}

// mostDeciding limits rendering.deciding. mostForms limits the forms that are kept; others
// are rendered each time.
const (
	mostDeciding = 64
	mostForms    = 64
)

// New renders a query over a model and checks it. It will run on db. Errors say what is
// wrong with the query, and have no prefix.
func New(db *bun.DB, d sqltext.Dialect, model, parameters reflect.Type, build Build) (q *Query, err error) {
	defer func() {
		if cause := recover(); cause != nil { // Bun panics on a model that it can't map
			q, err = nil, fmt.Errorf("the query can't be written by Bun: %v", cause)
			if _, ok := cause.(*reflect.ValueError); ok { // of a nil model's field
				err = fmt.Errorf("%w: Bun takes a name in a subquery for the subquery's own model, if that has a column of the name: give the parameter another name", err)
			}
		}
	}()
	if model.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the model is %s: want a struct", model)
	}
	p, err := newParameters(db.Dialect(), parameters)
	if err != nil {
		return nil, err
	}
	table := db.Table(model)
	q = &Query{
		live: db, dialect: d, table: table, rows: newRows(table), build: build,
		modelIsParameters: model == parameters, writer: newWriter(db.Dialect(), model, p),
	}
	rendered, err := q.render()
	if err != nil {
		return nil, err
	}
	if err := q.check(&rendered.forms[0].one); err != nil {
		return nil, err
	}
	return q, nil
}

// errModel is the error of a build function that gives the query another model.
var errModel = errors.New("the query has another model: its model is set already, so leave Model out")

// write renders the query over a model with marks.
func (q *Query) write(model reflect.Value) (template, error) {
	query := q.build(q.writer.db, model.Interface())
	if query.GetModel() == nil || query.GetModel().Value() != model.Interface() {
		return template{}, errModel
	}
	if err := refuses(q.table, query); err != nil {
		return template{}, err
	}
	if q.hooked == nil {
		q.hooked, q.writes = query, query.Operation() != "SELECT"
	}
	text, err := q.writer.write(query)
	if err != nil {
		return template{}, err
	}
	made, err := q.writer.template(text)
	if err == nil {
		sample := made.sample()
		made.returns = !q.writes || returns(q.dialect, sample)
		made.plain = sqltext.PlainSelect(q.dialect, sample)
	}
	return made, err
}

// returns reports whether a statement that writes has RETURNING.
func returns(d sqltext.Dialect, text string) bool {
	r := sqltext.NewReader(d, text)
	for {
		token := r.Significant()
		switch {
		case token.Kind == sqltext.End:
			return false
		case token.Kind == sqltext.Word && r.Text(token) == "RETURNING":
			return true
		}
	}
}

// render renders the query for the server's features, with no field zero, and finds the
// deciding fields. It takes mu.
func (q *Query) render() (*rendering, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r := &rendering{features: q.live.Dialect().Features(), forms: make(map[uint64]*form)}
	base, err := q.form(nil)
	if err != nil {
		return nil, err
	}
	r.forms[0] = base
	if q.modelIsParameters {
		for _, f := range q.table.Fields {
			other, err := q.writeFor([]*schema.Field{f})
			if err == nil && reflect.DeepEqual(other, base.one) {
				continue
			}
			r.deciding = append(r.deciding, f)
		}
	}
	if len(r.deciding) > mostDeciding {
		return nil, fmt.Errorf("the text of the query depends on which of %d fields of %s are zero: at most %d such fields are possible", len(r.deciding), q.table.TypeName, mostDeciding)
	}
	q.rendered.Store(r)
	return r, nil
}

// form renders the query for structs in which these fields are zero. mu is held.
func (q *Query) form(zero []*schema.Field) (*form, error) {
	one, err := q.writeFor(zero)
	if err != nil {
		return nil, err
	}
	made := &form{one: one, pattern: prepared.NewPattern(q.dialect), allPattern: prepared.NewPattern(q.dialect)}
	if _, inserts := q.hooked.(*bun.InsertQuery); inserts {
		err = q.split(made)
	}
	return made, err
}

// writeFor writes the query for a struct in which these fields are zero. mu is held.
func (q *Query) writeFor(zero []*schema.Field) (template, error) {
	clear(q.writer.zeros)
	for _, f := range zero {
		q.writer.zeros[f.Name] = true
	}
	return q.write(q.writer.sample())
}

// current returns the rendering for the server's present features.
func (q *Query) current() (*rendering, error) {
	if r := q.rendered.Load(); r.features == q.live.Dialect().Features() {
		return r, nil
	}
	return q.render()
}

// formOf returns the form for a struct in which the deciding fields with these bits are zero.
func (q *Query) formOf(r *rendering, zero uint64) (*form, error) {
	r.mu.RLock()
	f := r.forms[zero]
	r.mu.RUnlock()
	if f != nil {
		return f, nil
	}
	var fields []*schema.Field
	for left := zero; left != 0; left &= left - 1 {
		fields = append(fields, r.deciding[bits.TrailingZeros64(left)])
	}
	q.mu.Lock()
	f, err := q.form(fields)
	q.mu.Unlock()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.forms) < mostForms {
		r.forms[zero] = f
	}
	return f, nil
}

// zeroOf returns which of the deciding fields are zero, one bit for each.
func (r *rendering) zeroOf(values reflect.Value) (zero uint64) {
	for i, f := range r.deciding {
		if f.HasZeroValue(values) {
			zero |= 1 << i
		}
	}
	return zero
}

// Text is the text of a query with the values of one run.
type Text struct {
	Query  string
	Origin prepared.Origin
	// Returns is set for a query with a result, Writes for a query that is no SELECT, and
	// Plain for a SELECT that takes no locks.
	Returns, Writes, Plain bool
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// longestKept limits the buffers that are used again, in bytes.
const longestKept = 64 << 10

// text writes a text into a buffer that is used again, and returns a copy.
func text(write func(b []byte) []byte) string {
	buffer, _ := buffers.Get().(*[]byte)
	*buffer = write((*buffer)[:0])
	made := string(*buffer)
	if cap(*buffer) <= longestKept {
		buffers.Put(buffer)
	}
	return made
}

// Text writes the query with these parameters, a struct.
func (q *Query) Text(parameters reflect.Value) (Text, error) {
	r, err := q.current()
	if err != nil {
		return Text{}, err
	}
	zero := uint64(0)
	if q.modelIsParameters {
		zero = r.zeroOf(parameters)
	}
	f, err := q.formOf(r, zero)
	if err != nil {
		return Text{}, err
	}
	gen := schema.NewQueryGen(q.live.Dialect())
	places := make([]prepared.Span, 0, len(f.one.fields))
	query := text(func(b []byte) []byte { return f.one.appendTo(b, gen, parameters, &places) })
	return Text{query, prepared.Origin{Pattern: f.pattern, Values: places}, f.one.returns, q.writes, f.one.plain}, nil
}

// TextOfAll writes an INSERT of all structs in a slice. rows is addressable. If the structs
// are not zero in the same fields, Bun's own builder writes the text. Without structs the
// builder returns an error.
func (q *Query) TextOfAll(rows reflect.Value) (Text, error) {
	r, err := q.current()
	if err != nil {
		return Text{}, err
	}
	if rows.Len() == 0 {
		return q.byBuilder(rows)
	}
	zero := r.zeroOf(rows.Index(0))
	for i := range rows.Len() {
		if r.zeroOf(rows.Index(i)) != zero {
			return q.byBuilder(rows)
		}
	}
	f, err := q.formOf(r, zero)
	switch {
	case err != nil:
		return Text{}, err
	case f.row == nil:
		return q.byBuilder(rows)
	}
	return q.textOfAll(f, rows), nil
}

func (q *Query) textOfAll(f *form, rows reflect.Value) Text {
	gen := schema.NewQueryGen(q.live.Dialect())
	places := make([]prepared.Span, 0, rows.Len()*len(f.row.fields))
	query := text(func(b []byte) []byte {
		b = append(b, f.head.parts[0]...)
		for i := range rows.Len() {
			if i > 0 {
				b = append(b, between...)
			}
			b = f.row.appendTo(b, gen, rows.Index(i), &places)
		}
		return append(b, f.tail.parts[0]...)
	})
	return Text{Query: query, Origin: prepared.Origin{Pattern: f.allPattern, Values: places}, Returns: f.one.returns, Writes: q.writes}
}

// byBuilder has Bun's builder write the query over these structs. The builder does not run
// it: that would call the hooks of the structs again.
func (q *Query) byBuilder(rows reflect.Value) (Text, error) {
	query, err := q.build(q.live, rows.Addr().Interface()).AppendQuery(schema.NewQueryGen(q.live.Dialect()), nil)
	if err != nil {
		return Text{}, err
	}
	return Text{Query: string(query), Returns: returns(q.dialect, string(query)), Writes: q.writes}, nil
}

// mostExpected limits the memory that is allocated for rows in advance.
const mostExpected = 256

// Rows reads rows of the query into structs.
func (q *Query) Rows() *Rows { return q.rows }

// Expect remembers how many rows a result had. Expected returns it: the next result may have
// as many.
func (q *Query) Expect(rows int) { q.expected.Store(int64(min(rows, mostExpected))) }

// Expected is how many rows a result may have.
func (q *Query) Expected() int { return int(q.expected.Load()) }

// BeforeAppend calls the BeforeAppendModel hook of a struct, if its model has one. value is a
// pointer to the struct.
func (q *Query) BeforeAppend(ctx context.Context, value any) error {
	if hook, ok := value.(schema.BeforeAppendModelHook); ok {
		return hook.BeforeAppendModel(ctx, q.hooked)
	}
	return nil
}

// TakesInsertID reports whether the result's LastInsertId is the key that the database gave
// to a row. Bun decides it in the same way, for an INSERT without RETURNING.
func (q *Query) TakesInsertID() bool {
	features := q.live.Dialect().Features()
	return !features.Has(feature.Returning) && !features.Has(feature.Output) && len(q.table.PKs) == 1 && q.table.PKs[0].AutoIncrement
}

// SetInsertID stores keys in structs. id is the key that the database gave to the first; the
// others have the numbers that follow. id is 0 if the database gave no key.
func (q *Query) SetInsertID(id int64, rows ...reflect.Value) error {
	if id == 0 {
		return nil
	}
	for i, row := range rows {
		if err := q.table.PKs[0].ScanValue(row, id+int64(i)); err != nil {
			return err
		}
	}
	return nil
}
