package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Replication asks PostgreSQL's servers for their places in the write-ahead log (WAL).
type Replication struct{}

var _ engine.Replication = Replication{}

// Primary implements engine.Replication. A standby, and a server that is set to be
// read-only, take no writes. A standby's log has an end only on its primary.
func (Replication) Primary(ctx context.Context, server engine.Queryer) (a engine.PrimaryAnswer, err error) {
	var at sql.NullString
	err = server.QueryRowContext(ctx, `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool,
		CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END`).Scan(&a.ReadOnly, &at)
	if err == nil && at.Valid {
		a.At, err = parseLSN(at.String)
	}
	return a, err
}

// Replica implements engine.Replication.
func (Replication) Replica(ctx context.Context, server engine.Queryer) (a engine.ReplicaAnswer, err error) {
	var inRecovery bool
	var at sql.NullString
	var seconds float64
	err = server.QueryRowContext(ctx, `SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text,
		coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8, -1)`).Scan(&inRecovery, &at, &seconds)
	switch {
	case err != nil:
		return a, err
	case !inRecovery:
		return engine.ReplicaAnswer{Refused: "it is no standby"}, nil
	case !at.Valid:
		return engine.ReplicaAnswer{Refused: "it has replayed nothing yet"}, nil
	}
	a.Lag = engine.UnknownLag
	if seconds >= 0 {
		a.Lag = time.Duration(seconds * float64(time.Second))
	}
	a.At, err = parseLSN(at.String)
	return a, err
}

// Written implements engine.Replication. It asks for the end of the log, which is
// behind the commit whether that has been flushed to the disk or not.
func (Replication) Written(ctx context.Context, conn engine.Queryer) (engine.Position, error) {
	var at string
	if err := conn.QueryRowContext(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&at); err != nil {
		return nil, err
	}
	return parseLSN(at)
}

// parseLSN reads a place in the WAL as PostgreSQL writes it, such as 16/B374D848.
func parseLSN(text string) (engine.Position, error) {
	high, low, _ := strings.Cut(text, "/")
	h, highErr := strconv.ParseUint(high, 16, 32)
	l, lowErr := strconv.ParseUint(low, 16, 32)
	if err := errors.Join(highErr, lowErr); err != nil {
		return nil, fmt.Errorf("dbmodule: read WAL position: %w", err)
	}
	return engine.Position{0: h<<32 | l}, nil
}
