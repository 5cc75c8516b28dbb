// Package migrate runs schema revisions on SQLite, PostgreSQL, MySQL and MariaDB,
// with the model and the version table of Alembic.
//
// A revision is a folder beside the program's code:
//
//	migrations/
//	  20261124_1f0c2d9a4b7e_create_books/
//	    revision.txt      its message, and which revision it follows
//	    sqlite.sql        its SQL, one file for each engine; all.sql is for
//	    postgresql.sql    engines that have no file of their own
//	    mysql.sql
//
// revision.txt has Alembic's fields:
//
//	create books
//
//	Revision ID: 1f0c2d9a4b7e
//	Revises:
//	Branch Labels:
//	Depends On:
//	Create Date: 2026-11-24T20:30:00Z
//
// Revises names the revision that this one follows: none for a base, several for
// a merge point. A SQL file has the statements of both directions, each ended by a
// semicolon:
//
//	-- migrate:upgrade
//	CREATE TABLE books (id bigint PRIMARY KEY);
//
//	-- migrate:no-transaction
//	CREATE INDEX CONCURRENTLY ix_books_id ON books (id);
//
//	-- migrate:downgrade
//	DROP TABLE books;
//
// no-transaction marks the next statement as one that can't run in a
// transaction. A revision without a downgrade section can't be downgraded.
// [Code] replaces the SQL files by Go code. To change many rows, use its
// Backfill: it changes them in pieces, and other programs can write between two
// pieces.
//
// Do not change a revision that databases have applied. If it has to change for
// the other databases, name the checksum of the old text in revision.txt,
// in a field "Replaces: 7538905e…" (several are separated by commas): then
// databases that applied the old text count as having the new one.
//
// A [Source] names the folder and the code, [New] makes a [Migrator] of them,
// and [Module] adds it to an fx application, which then upgrades its database
// at the start. Package graph computes the order of revisions, and the steps
// from one revision to another.
//
// # Version table and history
//
// alembic_version is Alembic's own version table and holds the applied heads, so
// Alembic's tools can read it. alembic_version_history records which revision ran,
// when, by which build, with which checksum, and how many of its statements are
// done. It also keeps the downgrade SQL of each revision, so that an older build can
// downgrade revisions that it does not have. [Source.VersionTable] gives the two
// tables other names or another schema.
//
// Several programs can share a database, and even these tables. A program
// upgrades and downgrades its own revisions, including those that newer builds
// of it added. It does not run another program's revisions unless a target names
// one.
//
// # Safety
//
// One process runs a revision at a time. The others wait, and do not run it again. If
// a process dies, its lock is released. On SQLite and PostgreSQL a revision is one
// transaction, its version row included. MySQL commits each DDL statement by
// itself: there, and for statements marked no-transaction, each statement's
// completion is recorded, and the next run continues after the last one.
//
// Each revision runs in a session of its own, with the settings of a new
// connection. A revision that resumes after it stopped has lost its session. Its
// settings are set again. If the remaining statements may need anything else of
// the lost session (a variable, the last id, a temporary table, a lock), the
// revision fails with a [LostSessionError].
//
// A SQL file is read as the engine's own client reads it, so a dump of that
// engine can be a revision: MariaDB's as it is, PostgreSQL's with --inserts and
// without psql's own commands.
package migrate
