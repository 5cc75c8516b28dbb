// Package sqlconn has the one driver.Conn of the project. Every statement of every path
// (sessions, bun.DB, bun.Tx, rows) passes a [Conn], so it is where
//
//   - errors get their type,
//   - a statement that reached the driver is never repeated behind the
//     caller's back (database/sql repeats on driver.ErrBadConn, and pgx
//     answers that for statements the server may have run),
//   - a transaction that lost statements can't be committed,
//   - a commit whose outcome is unknown is told apart from a failed one,
//   - connections to a server that is gone or turned read-only are not used again,
//   - no answer is waited for without a limit,
//   - a statement whose caller went away ends on the server too,
//   - statements run prepared where that means the same,
//   - units of work share a COMMIT where package groupcommit says so.
//
// A statement goes one way: it is admitted, gets its limit, is prepared or not, runs
// on the engine's connection, its error is judged, and whoever listens is told.
package sqlconn
