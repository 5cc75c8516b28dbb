// Package querylog writes the statement log: every statement if DATABASE_ECHO is on, slow
// statements always, and the rows of results for DATABASE_ECHO=debug.
//
// A connection calls it for each statement that is done. The connection decides whether the
// log sees the values in a statement.
package querylog
