package engine

import (
	"context"
	"database/sql"
	"maps"
	"time"
)

// Replication asks the servers of one engine how far they are. It is safe for
// concurrent use. An engine without servers has none.
type Replication interface {
	// Primary asks the server that is the primary, or was.
	Primary(ctx context.Context, server Queryer) (PrimaryAnswer, error)
	// Replica asks a server that is to be a replica.
	Replica(ctx context.Context, server Queryer) (ReplicaAnswer, error)
	// Written returns a position that covers what was just committed on the
	// connection.
	Written(ctx context.Context, conn Queryer) (Position, error)
}

// Queryer runs queries on one server: a *sql.DB, or a *sql.Conn.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// PrimaryAnswer is what a primary says of itself.
type PrimaryAnswer struct {
	// ReadOnly is set when the server takes no writes, so that it is no primary now.
	ReadOnly bool
	// At is the end of its log, empty when the server can't tell.
	At Position
}

// ReplicaAnswer is what a replica says of itself.
type ReplicaAnswer struct {
	// Refused says why the server is no replica, "" when it is one.
	Refused string
	// At is how far it has replayed the primary's log, empty when it can't tell.
	At Position
	// Lag is how far behind the primary it believes to be, UnknownLag when it does
	// not know.
	Lag time.Duration
}

// UnknownLag is the lag of a replica that does not know it.
const UnknownLag time.Duration = -1

// Position is a place in the log of a server: by the number of a log, how many of
// its entries there are up to that place. PostgreSQL has one log, with number 0, and
// counts bytes. MariaDB has one for each replication domain, and counts
// transactions. The numbers only grow. An empty Position is one that is not known.
type Position map[uint32]uint64

// Covers reports whether a server that has come to p has everything up to other.
func (p Position) Covers(other Position) bool {
	for log, number := range other {
		if p[log] < number {
			return false
		}
	}
	return true
}

// Merged returns the first position that covers both.
func (p Position) Merged(other Position) Position {
	if len(p) == 0 {
		return other
	}
	all := maps.Clone(p)
	for log, number := range other {
		all[log] = max(all[log], number)
	}
	return all
}
