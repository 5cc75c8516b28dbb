// Package deadline limits how long a connection waits for each answer of its database, with
// one timer for all statements of the connection.
package deadline
