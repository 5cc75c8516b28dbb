// Package backup copies a SQLite database into a file while others write to
// the database, and restores a database from such a file.
//
// [Create] makes the copy with SQLite's online backup, in a read transaction:
// the copy has everything that was committed when the backup began, and nothing
// that was committed later. Others can write during the backup, but SQLite can't
// empty the write-ahead log until the backup ends. The file gets its name when it
// is complete, verified and synced.
//
// [Prepare] and [Replacement.Install] restore a database. They copy the file
// beside the database, verify the copy, and put it in the database's place by
// one rename. The previous database is kept.
//
// For the other engines use pg_dump and mariadb-dump.
package backup
