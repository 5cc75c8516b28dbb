// Package pool keeps connections and leases them. It knows how many there may be,
// how long somebody waits for one, when one is too old, and who has which.
//
// It stands in for database/sql's pool, whose waits have no limit but the context,
// which does not know its users, and which hands connections over in ways that a
// session can't follow. What a connection is, its pool learns from the three methods of
// [Conn] alone.
package pool
