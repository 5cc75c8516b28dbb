package dbmodule

import (
	"context"
	"database/sql/driver"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

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
func PreparedOn(c bun.Conn) (texts []string, err error) {
	err = c.Raw(func(raw any) error {
		texts = raw.(*handle).Prepared()
		return nil
	})
	return texts, err
}

// FailPrepared makes the statements that a connection keeps prepared fail when
// they run, as on a server that does not take them any more.
func FailPrepared(c bun.Conn, fail func() error) error {
	return c.Raw(func(raw any) error {
		raw.(*handle).ReplacePrepared(func(of engine.Stmt) engine.Stmt { return failingStmt{of, fail} })
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

// RunUnseen runs a statement on the driver's own connection.
func RunUnseen(ctx context.Context, c bun.Conn, statement string) error {
	return c.Raw(func(raw any) error {
		_, err := raw.(*handle).Unwrap().(driver.ExecerContext).ExecContext(ctx, statement, nil)
		return err
	})
}
