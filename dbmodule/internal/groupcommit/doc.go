// Package groupcommit lets several units of work share one COMMIT, and with it one sync
// to the disk, where one connection writes at a time: on SQLite.
//
// While other sessions wait for the writer, the transaction of the session that gives
// it back stays open. Each session after it works in a savepoint of that transaction.
// Once nobody waits, or the group is full or old, the transaction is committed, and only
// then all of its sessions learn that their work is stored.
//
// The package decides who shares, and sends the statements that this takes. It knows
// neither sessions nor drivers: package sqlconn asks it at each step.
package groupcommit
