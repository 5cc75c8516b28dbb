package observe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/observe"
)

type nameKey struct{}

// recorder writes down its calls, each with the names of the observers that
// had the unit of work's context before it.
type recorder struct {
	name  string
	calls *[]string
}

func (r recorder) note(ctx context.Context, call string) {
	before, _ := ctx.Value(nameKey{}).(string)
	*r.calls = append(*r.calls, r.name+" "+call+" "+before)
}

func (r recorder) UnitBegan(ctx context.Context, unit observe.UnitOfWork) context.Context {
	r.note(ctx, fmt.Sprint("begins ", unit.Session))
	before, _ := ctx.Value(nameKey{}).(string)
	return context.WithValue(ctx, nameKey{}, before+r.name)
}

func (r recorder) Acquired(ctx context.Context, wait observe.Acquisition) {
	r.note(ctx, "waited in "+string(wait.Pool))
}

func (r recorder) Statement(ctx context.Context, statement observe.Statement) {
	r.note(ctx, statement.Operation())
}

func (r recorder) UnitEnded(ctx context.Context, end observe.UnitEnd) {
	r.note(ctx, "ends "+string(end.Outcome))
}

func (r recorder) Retrying(ctx context.Context, retry observe.Retry) {
	r.note(ctx, fmt.Sprint("retries ", retry.Attempt))
}

// All are told in their order, and each adds to the unit of work's context.
func TestObserversAreToldInTurn(t *testing.T) {
	t.Parallel()
	var calls []string
	all := observe.Observers{recorder{"a", &calls}, recorder{"b", &calls}}
	ctx := all.UnitBegan(t.Context(), observe.UnitOfWork{Session: 7})
	all.Acquired(ctx, observe.Acquisition{Pool: observe.PoolReplica(2)})
	all.Statement(ctx, observe.Statement{}.WithQuery("insert into t values (1)", nil))
	all.UnitEnded(ctx, observe.UnitEnd{Outcome: observe.OutcomeCommit})
	all.Retrying(t.Context(), observe.Retry{Attempt: 3})
	assert.Equal(t, "a begins 7 |b begins 7 a|a waited in replica2 ab|b waited in replica2 ab|a INSERT ab|b INSERT ab|"+
		"a ends commit ab|b ends commit ab|a retries 3 |b retries 3 ", strings.Join(calls, "|"))
}

// It is not parallel: allocations are counted for the whole process.
func TestNobodyCostsNothing(t *testing.T) {
	var nobody observe.Observers
	ctx := t.Context()
	assert.Equal(t, ctx, nobody.UnitBegan(ctx, observe.UnitOfWork{}))
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		nobody.Statement(ctx, observe.Statement{})
		nobody.UnitEnded(ctx, observe.UnitEnd{})
	}))
}

func TestStatementShowsNoValues(t *testing.T) {
	t.Parallel()
	const secret = "ann@example.org"
	for engine, query := range map[dburl.Engine]string{
		dburl.SQLite:     `UPDATE "t" SET "a" = '` + secret + `' WHERE "id" = 7`,
		dburl.PostgreSQL: `UPDATE "t" SET "a" = $$` + secret + `$$ WHERE "id" = 7`,
		dburl.MySQL:      "UPDATE `t` SET `a` = \"" + secret + "\" WHERE `id` = 7",
	} {
		s := observe.Statement{Engine: engine, Err: errors.New(secret)}.WithQuery(query, func(error) string { return "hidden" })
		text := s.Text(1000)
		assert.NotContains(t, text, secret)
		assert.NotContains(t, text, "7")
		assert.Equal(t, 2, strings.Count(text, "?"), text)
		assert.LessOrEqual(t, len(s.Text(10)), 10+len("…"))
		assert.Equal(t, "UPDATE", s.Operation())
		assert.Equal(t, "hidden", s.ErrorText())
		printed := fmt.Sprintf("%v %+v %#v %s %q %x %d", s, s, s, s, s, &s, s)
		assert.NotContains(t, printed, secret)
		assert.NotContains(t, printed, fmt.Sprintf("%x", secret))
		assert.Contains(t, printed, "UPDATE")
		assert.Contains(t, printed, "hidden")
	}
	// Without a function that hides values, only the kind is told.
	assert.Equal(t, "unique", observe.Statement{Err: fmt.Errorf("%s: %w", secret, dberr.ErrUnique)}.ErrorText())
	assert.Empty(t, observe.Statement{}.WithQuery("SELECT 1", func(error) string { return "x" }).ErrorText())
}

// What may show values is made by whoever has the text, and no observer gets it.
func TestShownStatement(t *testing.T) {
	t.Parallel()
	const text = "UPDATE t SET a = 'ann@example.org'"
	s := observe.Statement{Engine: dburl.SQLite, Err: errors.New("bob@example.org")}.WithShownQuery(text)
	assert.Equal(t, text, s.Text(1000))
	assert.Equal(t, "UPDATE… (34 bytes)", s.Text(6))
	assert.Equal(t, "bob@example.org", s.ErrorText())
	s = s.WithQuery(text, func(error) string { return "hidden" })
	assert.Equal(t, "UPDATE t SET a = ?", s.Text(1000))
	assert.Equal(t, "hidden", s.ErrorText())
}

func TestRows(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		"SELECT 1": true, "insert into t values (1)": true, "/* x */ UPDATE t SET a = 1": true, "DELETE FROM t": true, "WITH x AS (SELECT 1) SELECT 1": true,
		"BEGIN": false, "CREATE TABLE t (id INT)": false, "PRAGMA user_version": false, "": false,
	} {
		s := observe.Statement{Engine: dburl.SQLite}.WithQuery(query, nil)
		_, ok := s.Rows()
		assert.False(t, ok, "nobody counted")
		rows, ok := s.WithRows(5).Rows()
		assert.Equal(t, want, ok, query)
		if ok {
			assert.EqualValues(t, 5, rows)
		}
		s.Err = errors.New("it failed")
		_, ok = s.WithRows(5).Rows()
		assert.False(t, ok, query)
	}
}

func TestFirstWord(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{"select 1": "SELECT", "\n/* hint */ vacuum": "VACUUM", "": "", "'SELECT'": ""} {
		assert.Equal(t, want, observe.Statement{Engine: dburl.SQLite}.WithQuery(query, nil).FirstWord(), query)
	}
}

func TestOperation(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT 1": "SELECT", "  select 1": "SELECT", "/* why */ (SELECT 1)": "SELECT", "WITH x AS (SELECT 1) SELECT 1": "WITH",
		"COMMIT": "COMMIT", "ROLLBACK TO SAVEPOINT a": "ROLLBACK", "VACUUM": "OTHER", "": "OTHER", "SELECTED": "OTHER", "'SELECT'": "OTHER",
	} {
		operation := observe.Statement{Engine: dburl.SQLite}.WithQuery(query, nil).Operation()
		assert.Equal(t, want, operation, query)
		assert.Contains(t, observe.Operations(), operation)
	}
	first := observe.Operations()
	first[0] = "changed"
	assert.NotEqual(t, first, observe.Operations(), "the list is a copy")
}

func TestUnobserved(t *testing.T) {
	t.Parallel()
	require.False(t, observe.IsUnobserved(t.Context()))
	type key struct{}
	require.True(t, observe.IsUnobserved(context.WithValue(observe.Unobserved(t.Context()), key{}, 1)))
}
