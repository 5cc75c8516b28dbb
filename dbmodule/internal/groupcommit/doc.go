// Package groupcommit lets several units of work share one COMMIT, and with it one sync to
// the disk. It is for SQLite, where only one connection writes at a time.
//
// If other sessions wait for the writer when a session commits, the session's transaction
// stays open. Each session after it works in a savepoint of that transaction. When nobody
// waits any more, or the group is full or old, the transaction is committed. Only then do
// its sessions learn that their work is stored.
//
// The package decides which units of work share a transaction, and sends SAVEPOINT, RELEASE
// and ROLLBACK TO. Package sqlconn calls it at each step of a session.
package groupcommit
