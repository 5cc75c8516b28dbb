// Package postgres is the engine of PostgreSQL: what its URL means to pgx, how
// connections are made, how BEGIN travels with the first prepared statement, how a
// pooler is told from a server, and what the errors of pgx mean.
package postgres
