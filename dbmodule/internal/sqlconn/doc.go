// Package sqlconn has the one driver.Conn of the project. Every statement of every path
// (sessions, bun.DB, bun.Tx, rows) passes a [Conn]. So this is the place that
//
//   - gives errors their type,
//   - never sends a statement twice behind the caller's back (database/sql sends it again
//     after driver.ErrBadConn, and pgx returns that also for statements that the server
//     may have run),
//   - refuses to commit a transaction that lost statements,
//   - reports a COMMIT without an answer as ErrCommitUnknown, not as failed,
//   - drops connections whose server is gone or became read-only,
//   - limits each wait for an answer,
//   - cancels the statement of a caller who went away, also on the server,
//   - runs statements prepared where the result is the same,
//   - lets units of work share a COMMIT where package groupcommit allows it.
//
// A statement takes these steps: admits decides whether it may be sent now; newLimit starts
// its time limit; plan decides whether it runs prepared; the engine's connection runs it;
// record notes what the result means for the transaction and the connection; measured
// tells the log and the observers.
package sqlconn
