package migrate

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// dialect is what the engines do differently about running revisions.
type dialect interface {
	// lock waits until no other process migrates the database, where one lock
	// lasts the whole run.
	lock(ctx context.Context) (unlock func() error, err error)
	// enter prepares the run's new working connection, and waits for the lock
	// that lasts as long as it, where there is such.
	enter(ctx context.Context) error
	// leave lets go of what enter took, before the connection ends.
	leave(ctx context.Context)
	// separateBooks says that records need another connection than the one
	// that revisions work on.
	separateBooks() bool
	// claim takes the lock that lasts one transaction, where there is such; it
	// reports false, and who has it, if another process is in one.
	claim(ctx context.Context, tx bun.Tx) (got bool, holder string, err error)
	// span keeps other processes out between the transactions of one revision.
	span(ctx context.Context) (release func() error, err error)
	// keepLock fails once the lock is lost.
	keepLock(ctx context.Context, tx bun.Tx) error
	// atomic says that DDL can be rolled back.
	atomic() bool
	isolation() sql.IsolationLevel
	// prepare gets a transaction ready for its statements: it locks their
	// tables, and bounds how long the statements wait for other locks.
	prepare(ctx context.Context, tx bun.Tx, statements []Statement) error
	// around prepares the connection for a transaction with DDL, in fn, which
	// calls check before it commits.
	around(ctx context.Context, fn func(check func(tx bun.Tx) error) error) error
	// ownSettings puts the transaction into the settings that the connection
	// came with, so that records can be written whatever the revision has set:
	// to the end of the transaction, or for good.
	ownSettings(ctx context.Context, tx bun.Tx, forGood bool) error
	// execute runs the i-th statement of the work in a transaction.
	execute(ctx context.Context, tx bun.Tx, w work, i int) error
	// together returns where the statements end that can run in one
	// transaction with the one at from: from itself if not even that one can.
	together(statements []Statement, from int) int
	// plain says that a statement needs neither a transaction nor a record of
	// its own.
	plain(statement Statement) bool
	// settles says that a plain statement is to be recorded at once.
	settles(text string) bool
	// programs says that the database may have triggers or routines.
	programs(ctx context.Context) (bool, error)
	// repeatable fails if some of the statements from one up to another, which ran
	// in a transaction that was not committed, may have left rows behind.
	repeatable(ctx context.Context, w work, from, to int) error
	// alone runs the i-th statement of the work outside a transaction.
	alone(ctx context.Context, w work, i int) error
	// fingerprint describes what a statement can change in the schema, or is ""
	// where nothing needs it.
	fingerprint(ctx context.Context, statement string) (string, error)
	// exists tells errors that say that what a statement makes is there
	// already, or that what it removes is not.
	exists(err error) bool
	// taken tells errors that say that what a statement makes is there already.
	taken(err error) bool
	// hint helps with failures that have a usual cause.
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

// untilMarked returns the end of the statements from from on that are not
// marked no-transaction.
func untilMarked(statements []Statement, from int) int {
	for from < len(statements) && !statements[from].NoTransaction {
		from++
	}
	return from
}
