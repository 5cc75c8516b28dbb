package dbtest

import (
	"context"
	"errors"
	"testing"

	"github.com/openhands-go/server/dbmodule"
)

// errRolledBack ends a unit of work of [RolledBack].
var errRolledBack = errors.New("dbtest: what a test did is rolled back")

// RolledBack runs fn with a session on a database that several tests share, and then rolls
// the session back. fn must not commit the session; if it does, t fails. The code under test
// takes the session as a bun.IDB, or takes a factory whose units of work join the session:
//
//	dbtest.RolledBack(t, db, func(ctx context.Context, s *dbmodule.Session) {
//		err := Import(ctx, db.Sessions().With(dbmodule.Join())) // its InTx is a savepoint of s
//		…
//	})
//
// The rollback does not reset the counters from which the database numbers rows. On SQLite
// only one such test runs at a time, since only one connection writes. A database for each
// test costs milliseconds and has no such limits: see [New].
func RolledBack(t testing.TB, db *dbmodule.Database, fn func(ctx context.Context, s *dbmodule.Session)) {
	t.Helper()
	err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
		s.AfterCommit(func(context.Context) {
			t.Error("dbtest: the session of RolledBack was committed: what it did stays in the database")
		})
		fn(ctx, s)
		return errRolledBack
	}, dbmodule.MaxAttempts(1))
	if !errors.Is(err, errRolledBack) {
		t.Errorf("dbtest: roll back: %v", err)
	}
}
