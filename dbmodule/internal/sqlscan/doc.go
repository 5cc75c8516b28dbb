// Package sqlscan reads SQL files as the engine's own client does. [Dialect.Split]
// splits a file into statements: it knows the bodies of functions and triggers, which
// contain semicolons, and MySQL's DELIMITER. [Dialect.Tokens] and [Dialect.Read] split a
// statement into tokens for the packages that read revisions and stored definitions.
// Package sqltext reads the tokens.
package sqlscan
