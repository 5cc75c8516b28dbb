// Package dbmodule is the database layer of an HTTP service: settings from
// DATABASE_* variables, a Bun database with a zap-backed statement log,
// sessions with SQLAlchemy's unit-of-work semantics, tables made from models,
// and life-cycle hooks that open and close all of it.
//
// It serves SQLite, PostgreSQL and MySQL/MariaDB with the same contracts. With
// fx, add [Module] to an application; without fx, [Open] does the same work.
//
// Handlers and stores take a [SessionFactory]. A [Session] is a
// bun.IDB: it acquires a connection and begins a transaction at its first
// statement and keeps both until Commit, Rollback or Close.
package dbmodule
