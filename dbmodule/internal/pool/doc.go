// Package pool keeps connections and leases them to users. It limits how many connections
// are open and how long a user waits for one, replaces old connections, and knows which
// session has which connection.
//
// It replaces the pool of database/sql. That has no time limit for waiting but the context,
// does not know its users, and gives a session no control over when a connection is
// released. A pool knows of its connections only the methods of [Conn].
package pool
