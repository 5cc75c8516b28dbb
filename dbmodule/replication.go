package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// replication asks an engine's servers how far they are.
type replication interface {
	// primary returns whether the server takes writes and, where it can tell,
	// its position.
	primary(ctx context.Context, db *sql.DB) (primaryState, error)
	// replica asks a server that is to be one.
	replica(ctx context.Context, db *sql.DB) (replicaAnswer, error)
	// written returns a position that covers what was just committed on the
	// connection.
	written(ctx context.Context, conn *sql.Conn) (position, error)
}

type primaryState struct {
	readOnly bool
	at       position // nil when the server can't tell
}

// replicaAnswer is what a server says of itself.
type replicaAnswer struct {
	// refused says why it is no replica, "" when it is one.
	refused string
	at      position // nil when the server can't tell
	// lag is what it thinks to be behind, negative when it does not know.
	lag time.Duration
}

func newReplication(engine Engine) replication {
	switch engine {
	case PostgreSQL:
		return postgresReplication{}
	case MySQL:
		return &mysqlReplication{}
	default:
		return nil
	}
}

const unknownLag time.Duration = -1

type postgresReplication struct{}

func (postgresReplication) primary(ctx context.Context, db *sql.DB) (s primaryState, err error) {
	var at sql.NullString
	err = db.QueryRowContext(ctx, `SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool,
		CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_lsn()::text END`).Scan(&s.readOnly, &at)
	if err == nil && at.Valid {
		s.at, err = parseLSN(at.String)
	}
	return s, err
}

func (postgresReplication) replica(ctx context.Context, db *sql.DB) (a replicaAnswer, err error) {
	var inRecovery bool
	var at sql.NullString
	var seconds float64
	err = db.QueryRowContext(ctx, `SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text,
		coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8, -1)`).Scan(&inRecovery, &at, &seconds)
	switch {
	case err != nil:
		return a, err
	case !inRecovery:
		return replicaAnswer{refused: "it is no standby"}, nil
	case !at.Valid:
		return replicaAnswer{refused: "it has replayed nothing yet"}, nil
	}
	a.lag = unknownLag
	if seconds >= 0 {
		a.lag = time.Duration(seconds * float64(time.Second))
	}
	a.at, err = parseLSN(at.String)
	return a, err
}

// written asks for the end of the log, which is behind the commit whether that
// has been flushed or not.
func (postgresReplication) written(ctx context.Context, conn *sql.Conn) (position, error) {
	var at string
	if err := conn.QueryRowContext(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&at); err != nil {
		return nil, err
	}
	return parseLSN(at)
}

// mysqlReplication asks MariaDB for its GTIDs. MySQL's are sets with another
// grammar: there it has the seconds that a replica says to be behind.
type mysqlReplication struct {
	// noGTIDs is set once the server did not know the variables.
	noGTIDs atomic.Bool
}

func (m *mysqlReplication) primary(ctx context.Context, db *sql.DB) (s primaryState, err error) {
	if err := db.QueryRowContext(ctx, "SELECT @@global.read_only").Scan(&s.readOnly); err != nil {
		return s, err
	}
	at, err := m.gtids(ctx, db.QueryRowContext, "SELECT @@gtid_current_pos")
	if errors.Is(err, errNoPosition) {
		err = nil
	}
	s.at = at
	return s, err
}

func (m *mysqlReplication) replica(ctx context.Context, db *sql.DB) (a replicaAnswer, err error) {
	at, err := m.gtids(ctx, db.QueryRowContext, "SELECT @@gtid_slave_pos")
	if err == nil {
		return replicaAnswer{at: at, lag: unknownLag}, nil
	}
	if !errors.Is(err, errNoPosition) {
		return a, err
	}
	status, err := replicaStatus(ctx, db)
	if err != nil {
		return a, err
	}
	if status == nil {
		return replicaAnswer{refused: "it replicates nothing"}, nil
	}
	for _, name := range [...]string{"Seconds_Behind_Source", "Seconds_Behind_Master"} {
		if seconds, ok := status[name]; ok {
			n, err := strconv.ParseInt(seconds, 10, 32)
			if err != nil {
				return replicaAnswer{refused: "its replication does not run"}, nil
			}
			return replicaAnswer{lag: time.Duration(n) * time.Second}, nil
		}
	}
	return replicaAnswer{refused: "it does not say how far behind it is"}, nil
}

func (m *mysqlReplication) written(ctx context.Context, conn *sql.Conn) (position, error) {
	return m.gtids(ctx, conn.QueryRowContext, "SELECT @@last_gtid")
}

// gtids reads a variable; errNoPosition when the server has none or no value
// in it.
func (m *mysqlReplication) gtids(
	ctx context.Context, queryRow func(context.Context, string, ...any) *sql.Row, query string,
) (position, error) {
	if m.noGTIDs.Load() {
		return nil, errNoPosition
	}
	var text sql.NullString
	err := queryRow(ctx, query).Scan(&text)
	if my := (*mysql.MySQLError)(nil); errors.As(err, &my) && my.Number == unknownVariable {
		m.noGTIDs.Store(true)
		return nil, errNoPosition
	}
	if err != nil {
		return nil, err
	}
	return parseGTIDs(text.String)
}

// unknownVariable is MySQL's number for a variable that is not there.
const unknownVariable = 1193

// replicaStatus returns the columns of the first channel, nil when there is
// none. The statement has two names, and servers that know only one.
func replicaStatus(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, "SHOW REPLICA STATUS")
	if err != nil {
		if rows, err = db.QueryContext(ctx, "SHOW SLAVE STATUS"); err != nil {
			return nil, fmt.Errorf("dbmodule: read replication status: %w", err)
		}
	}
	status, err := firstRow(rows)
	return status, errors.Join(err, rows.Close())
}

func firstRow(rows *sql.Rows) (map[string]string, error) {
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, errors.Join(err, rows.Err())
	}
	values := make([]sql.NullString, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	row := make(map[string]string, len(names))
	for i, name := range names {
		row[strings.TrimSpace(name)] = values[i].String
	}
	return row, nil
}
