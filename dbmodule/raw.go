package dbmodule

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

// Raw hands the session's connection to fn as its driver's users know it, for what only
// the driver can do:
//
//   - PostgreSQL: a *pgx.Conn, with COPY, batches, LISTEN and large objects.
//   - SQLite: modernc's connection, which is told by the methods that one wants:
//     C is an interface such as interface{ Serialize() ([]byte, error) }.
//   - MySQL: go-sql-driver's connection, by the interfaces of database/sql/driver.
//
// On an engine whose connection is no C, fn does not run, and Raw returns an error.
//
// fn works in the session's transaction, which it must not begin, commit or roll back. In
// a session made with [Autocommit] it works without one, as LISTEN and VACUUM want it. Its
// error counts as that of a statement: it ends the transaction, comes back with its type
// as far as the driver's errors have one, and what fn wrote is undone.
//
// fn has the time that DATABASE_STATEMENT_TIMEOUT gives one statement; a context of
// [WithStatementTimeout] gives it another, or none. It obeys the ctx that it gets, which
// ends with that time, and keeps conn no longer than it runs.
//
// What fn does is in the log as one statement, RAW. Since nobody knows which settings,
// listeners or temporary tables fn leaves behind, the connection is closed when the
// session gives it back, and statements of the session run as text until then.
func Raw[C any](ctx context.Context, s *Session, fn func(ctx context.Context, conn C) error) error {
	return s.raw(ctx, func(ctx context.Context, conn any) error {
		wanted, ok := conn.(C)
		if !ok {
			return fmt.Errorf("dbmodule: raw: the connection of %s is a %T, not a %T", s.factory.engine, conn, (*C)(nil))
		}
		return fn(ctx, wanted)
	})
}

func (s *Session) raw(ctx context.Context, fn func(ctx context.Context, conn any) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if !s.options.autocommits() {
		if err := s.begin(ctx); err != nil {
			return err
		}
		return s.held.raw.Raw(ctx, nil, fn)
	}
	if err := s.admitsAlone(""); err != nil {
		return err
	}
	had := s.held != nil
	if err := s.hold(ctx); err != nil {
		return err
	}
	err := s.held.raw.Raw(ctx, &sqlconn.Call{Caller: ctx, On: s.held.raw, Alone: true}, fn)
	if err == nil {
		s.noteWrite(ctx)
	}
	if !had {
		_ = s.release() // what it did is done
	}
	return err
}
