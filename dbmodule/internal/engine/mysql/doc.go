// Package mysql is the engine of MySQL and MariaDB: how connections are made, to one
// host or to the primary of several, how a caller's abandoned statement is ended, and
// what the errors of go-sql-driver mean.
package mysql
