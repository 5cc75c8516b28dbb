// Package mysql is the engine of MySQL and MariaDB: what its URL means to
// go-sql-driver, how connections are made, to one host or to the primary of several,
// how a caller's abandoned statement is ended, and what the errors of the driver mean.
package mysql
