// Package cluster knows the servers of one database: which replica may serve a
// read, and whether the primary is still the one.
//
// A Cluster asks the servers at regular times how far they are in the primary's log.
// From that it tells how far behind a replica is, and whether a replica has what a
// client has written before (Writes, which travel between processes as a token). A
// Generation tells which connections were made before a failover.
//
// The package has no connections for statements of the program: the caller maps each
// Replica to a pool of its own.
package cluster
