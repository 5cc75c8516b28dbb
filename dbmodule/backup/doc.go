// Package backup copies a SQLite database into a file while others write to
// it, and puts such a file in the place of a database.
//
// [Create] makes the copy: SQLite's online backup, under a transaction that
// reads, so that it has everything that was committed when it began and
// nothing that came later. Writers go on beside it; only the write-ahead log
// can't be emptied until it ends. The file gets its name once it is complete,
// verified and synced.
//
// [Prepare] and [Replacement.Install] restore one: the copy beside the
// database is verified first, and takes its place by one rename. The database
// that was there is kept.
//
// The other engines have programs for this: pg_dump and mariadb-dump.
package backup
