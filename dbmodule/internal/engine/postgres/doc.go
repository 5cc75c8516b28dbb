// Package postgres is the engine of PostgreSQL: how connections are made, how BEGIN
// travels with the first prepared statement, how a pooler is told from a server, and
// what the errors of pgx mean.
package postgres
