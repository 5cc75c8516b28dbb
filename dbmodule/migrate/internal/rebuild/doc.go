// Package rebuild reads the statements by which a revision rebuilds a table on
// SQLite. It changes them so that the new table keeps columns, constraints and options
// of the old one that the revision does not know.
//
// It is a three-way merge of table definitions. base is the old table as the revision
// knows it, to is the new table of the revision, and live is the old table as it is in
// the database. The merged table is live with the changes from base to to.
//
// The package reads only the text of statements. It opens no database.
package rebuild
