// Package sqltext reads the text of SQL statements as SQLite, PostgreSQL and MySQL (with
// MariaDB) do. It splits a text into tokens, and tells callers about a text: its first word,
// whether it takes locks, what it changes besides rows, and how it looks without values.
package sqltext
