// Package deadline bounds how long a connection waits for each answer of its
// database, with one timer for all the statements of the connection.
package deadline
