// Package rebuild reads the statements by which a revision rebuilds a SQLite table,
// and changes them so that the new table keeps what the old one has beyond what
// the revision knows.
//
// It works on the text of statements alone and opens no database.
package rebuild
