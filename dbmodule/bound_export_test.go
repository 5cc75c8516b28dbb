package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/uptrace/bun"
)

// Lifted returns a statement as it would run if all of its literals differed
// each time, with its arguments; nothing for one that stays as it is. whole is
// the text with the literals put back.
func Lifted(engine Engine, query string) (text string, args []any, whole string) {
	s := scan(engine, query)
	if s == nil {
		return "", nil, query
	}
	defer s.put()
	p := &plan{fixed: make([]string, len(s.literals))}
	p.write(engine, s)
	values, _ := p.arguments(engine, s)
	for _, v := range values {
		args = append(args, v.Value)
	}
	// The key has two bytes for each literal.
	next := 0
	for i := 0; i < len(s.key); i++ {
		if s.key[i] != 0 || next == len(s.literals) {
			whole += string(s.key[i : i+1])
			continue
		}
		l := s.literals[next]
		whole += query[l.start:l.end]
		next++
		i++
	}
	return p.text, args, whole
}

// Prepared lists the statements that a pool's connection keeps prepared.
func Prepared(ctx context.Context, db *bun.DB) ([]string, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	return PreparedOn(c)
}

// PreparedOn lists the statements that a connection keeps prepared.
func PreparedOn(c bun.Conn) ([]string, error) {
	texts := []string{}
	err := c.Raw(func(raw any) error {
		if s := raw.(*conn).statements; s != nil {
			for p := range s.byPlan {
				texts = append(texts, p.text)
			}
		}
		return nil
	})
	slices.Sort(texts)
	return texts, err
}

// FailPrepared makes the statements that a connection keeps prepared fail when
// they run, as on a server that does not take them any more.
func FailPrepared(c bun.Conn, fail func() error) error {
	return c.Raw(func(raw any) error {
		for _, st := range raw.(*conn).statements.byPlan {
			st.Stmt = failingStmt{st.Stmt, fail}
		}
		return nil
	})
}

type failingStmt struct {
	engine.Stmt
	fail func() error
}

func (s failingStmt) Query(context.Context, []driver.NamedValue) (driver.Rows, error) {
	return nil, s.fail()
}

func (s failingStmt) Exec(context.Context, []driver.NamedValue) (driver.Result, error) {
	return nil, s.fail()
}

// PrepareWithin prepares a statement inside the open transaction of a
// connection as what no connection has prepared yet.
func PrepareWithin(ctx context.Context, c bun.Conn, query string) (err error) {
	return errors.Join(c.Raw(func(raw any) error {
		_, err = raw.(*conn).inner.PrepareInSavepoint(ctx, query)
		return nil
	}), err)
}

// ScanOnly looks for literals as a connection does.
func ScanOnly(engine Engine, query string) { scan(engine, query).put() }
