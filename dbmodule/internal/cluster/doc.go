// Package cluster knows the servers of one database: which replica may serve a read, and
// whether the primary is still the primary.
//
// A Cluster asks the servers regularly for their position in the primary's log. From the
// answers it knows how far behind a replica is, and whether a replica has the last writes of
// a client (Writes, which a token carries to other processes). A Generation tells which
// connections were made before a failover.
//
// The package has no connections for the program's statements: the caller has a pool for each
// Replica.
package cluster
