// Package migrate brings the schema of a database from revision to revision:
// Alembic's model, for SQLite, PostgreSQL and MySQL or MariaDB.
//
// A revision is a folder beside the program's code:
//
//	migrations/
//	  20261124_1f0c2d9a4b7e_create_books/
//	    revision.txt      what it is, and which revision it follows
//	    sqlite.sql        its SQL, a file an engine; all.sql serves the
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
// Revises names the revision before, two for a merge, none for a first one. A
// SQL file has the statements of both directions, each ended by a semicolon:
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
// transaction. Without a downgrade section the revision can't be taken back.
// Go code takes the place of SQL files by [Code]. Where many rows change, its
// Backfill does so in pieces, between which other programs write.
//
// A revision that databases have applied stays as it is. If it has to change for
// those that have not, revision.txt names the checksum of the text that it had,
// in a field "Replaces: 7538905e…" (several are separated by commas): then
// databases with that text count as having this one.
//
// A [Source] names the folder and the code, [New] makes a [Migrator] of them,
// and [Module] adds it to an fx application, which then upgrades its database
// at the start. How revisions follow one another, and which steps lead where,
// package graph knows.
//
// # What is kept in the database
//
// alembic_version is Alembic's own table and holds the heads, so Alembic's
// tools read it. alembic_version_history says what ran when, by which build,
// with which checksum and how far, and keeps the SQL that takes each revision
// back, so that an older build can downgrade what it does not know.
// [Source.VersionTable] gives the two tables other names or another schema.
//
// Several programs can share a database, and even these tables. A program
// upgrades and takes back its own revisions, with those that newer builds of it
// added; revisions of another program it leaves alone unless a target names one.
//
// # Safety
//
// One process migrates at a time; the others wait, and find the work done. A
// process that dies frees the lock. On SQLite and PostgreSQL a revision is one
// transaction, its version row included. MySQL commits each DDL statement by
// itself: there, and for statements marked no-transaction, each statement's
// completion is recorded, and the next run goes on after the last one.
//
// Each revision runs in a session of its own, in the settings that connections
// come with. A revision that goes on after it stopped has lost its session: its
// settings are set again, and where the rest may need anything else of it (a
// variable, the last id, a temporary table, a lock) it is a [LostSessionError].
//
// A SQL file is read as the engine's own client reads it, so a dump of that
// engine can be a revision: MariaDB's as it is, PostgreSQL's with --inserts and
// without psql's own commands.
package migrate
