// Package sqltext reads the text of SQL statements, as SQLite, PostgreSQL and
// MySQL (with MariaDB) do. It is the one reader of SQL text in this module: it
// splits a text into tokens, and answers what callers ask of one: with which
// word it begins, whether it takes locks, what it changes besides rows, and how
// it looks without its values.
package sqltext
