package migrate

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// dialect is the part of running revisions that differs between the engines.
type dialect interface {
	// lock takes the lock that lasts the whole run, on engines with such a lock. It waits
	// until no other process migrates the database.
	lock(ctx context.Context) (unlock func() error, err error)
	// setUpConn prepares the run's new working connection. It takes the lock that lasts as
	// long as the connection, on engines with such a lock.
	setUpConn(ctx context.Context) error
	// releaseConn releases the lock of setUpConn, before the connection is closed.
	releaseConn(ctx context.Context)
	// needsRecordConn reports whether the version table and the history are written on another
	// connection than the one that revisions run on.
	needsRecordConn() bool
	// lockTx takes the lock that lasts one transaction, on engines with such a lock. If
	// another process has it, got is false and holder describes that process.
	lockTx(ctx context.Context, tx bun.Tx) (got bool, holder string, err error)
	// lockRevision takes the lock for a revision of several transactions: it keeps other
	// processes out between them.
	lockRevision(ctx context.Context) (release func() error, err error)
	// checkLock returns an error if the lock is lost.
	checkLock(ctx context.Context, tx bun.Tx) error
	// transactionalDDL reports whether DDL can be rolled back: Alembic's transactional_ddl.
	transactionalDDL() bool
	isolation() sql.IsolationLevel
	// prepare prepares a transaction for its statements: it locks their tables, and limits how
	// long the statements wait for other locks.
	prepare(ctx context.Context, tx bun.Tx, statements []Statement) error
	// aroundTx prepares the connection, calls fn, and restores the connection. fn runs a
	// transaction with DDL, and calls check before it commits. aroundTx may call fn again.
	aroundTx(ctx context.Context, fn func(check func(tx bun.Tx) error) error) error
	// resetSettings restores the settings of a new connection, so that records can be written
	// whatever the revision has set. It does so until the transaction ends, or permanently if
	// forGood is set.
	resetSettings(ctx context.Context, tx bun.Tx, forGood bool) error
	// execute runs the i-th statement of the work in a transaction.
	execute(ctx context.Context, tx bun.Tx, w work, i int) error
	// groupEnd returns the index after the last statement that can run in one transaction with
	// the statement at from. If that one can't run in a transaction, groupEnd returns from.
	groupEnd(statements []Statement, from int) int
	// needsNoRecord reports whether a statement needs neither a transaction nor a record of
	// its own, because its effect ends with the session. The statements between LOCK TABLES
	// and UNLOCK TABLES get no record either: a run that stops there can't be resumed.
	needsNoRecord(statement Statement) bool
	// recordsAtOnce reports whether a statement without a record of its own is recorded as soon
	// as it is complete, instead of with the next statement.
	recordsAtOnce(text string) bool
	// hasTriggersOrRoutines reports whether the database may have triggers or routines.
	hasTriggersOrRoutines(ctx context.Context) (bool, error)
	// checkNoRowsLeft returns an error if the statements from index from to before to may have
	// changed rows of tables without transactions. The statements ran in a transaction that was
	// not committed; such tables keep the changes nevertheless.
	checkNoRowsLeft(ctx context.Context, w work, from, to int) error
	// executeAlone runs the i-th statement of the work outside a transaction.
	executeAlone(ctx context.Context, w work, i int) error
	// fingerprint describes the part of the schema that a statement can change. It is "" on
	// engines that don't need it.
	fingerprint(ctx context.Context, statement string) (string, error)
	// saysDone reports whether an error says that the statement has taken effect before: what
	// it creates exists, or what it drops does not.
	saysDone(err error) bool
	// canRunTwice reports whether the server may run a statement a second time without an error,
	// and change the schema again.
	canRunTwice(text string) bool
	// saysExists reports whether an error says that the table that the statement creates exists.
	saysExists(err error) bool
	// hint returns advice for an error with a usual cause, "" for others.
	hint(err error) string
}

func dialectOf(r *run) dialect {
	switch r.engine {
	case dbmodule.PostgreSQL:
		return &postgresDialect{run: r}
	case dbmodule.MySQL:
		return &mysqlDialect{run: r}
	default:
		return &sqliteDialect{run: r}
	}
}

// transactionalDialect is the part of a dialect that engines with transactional DDL share.
type transactionalDialect struct{}

func (transactionalDialect) lock(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (transactionalDialect) setUpConn(context.Context) error                       { return nil }
func (transactionalDialect) releaseConn(context.Context)                           {}
func (transactionalDialect) needsRecordConn() bool                                 { return false }
func (transactionalDialect) transactionalDDL() bool                                { return true }
func (transactionalDialect) needsNoRecord(Statement) bool                          { return false }
func (transactionalDialect) recordsAtOnce(string) bool                             { return false }
func (transactionalDialect) hasTriggersOrRoutines(context.Context) (bool, error)   { return true, nil }
func (transactionalDialect) checkNoRowsLeft(context.Context, work, int, int) error { return nil }
func (transactionalDialect) fingerprint(context.Context, string) (string, error)   { return "", nil }

// groupEnd returns the index of the first statement, beginning at from, that is marked
// no-transaction.
func (transactionalDialect) groupEnd(statements []Statement, from int) int {
	for from < len(statements) && !statements[from].NoTransaction {
		from++
	}
	return from
}
