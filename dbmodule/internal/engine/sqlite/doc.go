// Package sqlite is the engine of SQLite: how connections are opened, that a writer
// takes the lock when it begins, that COMMIT is not interrupted, and what the errors
// of the modernc driver mean.
package sqlite
