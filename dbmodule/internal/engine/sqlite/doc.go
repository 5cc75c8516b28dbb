// Package sqlite is the engine of SQLite: it opens connections, takes the write lock when a
// writer begins, does not interrupt COMMIT, watches the file, and knows what the errors of the
// modernc driver mean.
package sqlite
