// Package sqlscan reads the text of a SQL file as the engine's own client
// does: into statements by [Dialect.Split], and a statement into its words by
// [Dialect.Tokens]. It knows quotes, comments, bodies with semicolons of their
// own, and what each engine has besides: MySQL's DELIMITER and comments that
// the server runs, PostgreSQL's dollar quotes and nested comments.
package sqlscan
