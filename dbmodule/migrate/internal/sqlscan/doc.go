// Package sqlscan reads SQL files as the engine's own client does. [Dialect.Split]
// splits a file into statements, and [Dialect.Tokens] splits a statement into tokens.
// It knows quotes, comments, and bodies of functions and triggers, which contain
// semicolons. It also knows MySQL's DELIMITER and the comments that MySQL executes, and
// PostgreSQL's dollar quotes and nested comments.
package sqlscan
