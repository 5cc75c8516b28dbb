package mysql

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

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Replication asks MariaDB's servers for their global transaction identifiers
// (GTIDs). MySQL's are sets with another grammar: there it has only the seconds that
// a replica says to be behind. The zero value is ready for use.
type Replication struct {
	// noGTIDs is set once a server did not know the variables.
	noGTIDs atomic.Bool
}

var _ engine.Replication = (*Replication)(nil)

var errNoPosition = errors.New("dbmodule: read GTID position: the server has none")

// Primary implements engine.Replication.
func (r *Replication) Primary(ctx context.Context, server engine.Queryer) (a engine.PrimaryAnswer, err error) {
	if err := server.QueryRowContext(ctx, "SELECT @@global.read_only").Scan(&a.ReadOnly); err != nil {
		return a, err
	}
	a.At, err = r.gtids(ctx, server, "SELECT @@gtid_current_pos")
	if errors.Is(err, errNoPosition) {
		err = nil
	}
	return a, err
}

// Replica implements engine.Replication.
func (r *Replication) Replica(ctx context.Context, server engine.Queryer) (a engine.ReplicaAnswer, err error) {
	at, err := r.gtids(ctx, server, "SELECT @@gtid_slave_pos")
	if err == nil {
		return engine.ReplicaAnswer{At: at, Lag: engine.UnknownLag}, nil
	}
	if !errors.Is(err, errNoPosition) {
		return a, err
	}
	status, err := replicaStatus(ctx, server)
	if err != nil {
		return a, err
	}
	return answerOf(status), nil
}

// answerOf makes an answer of the columns of SHOW REPLICA STATUS.
func answerOf(status map[string]string) engine.ReplicaAnswer {
	if status == nil {
		return engine.ReplicaAnswer{Refused: "it replicates nothing"}
	}
	for _, name := range [...]string{"Seconds_Behind_Source", "Seconds_Behind_Master"} {
		seconds, ok := status[name]
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(seconds, 10, 32)
		if err != nil { // NULL
			return engine.ReplicaAnswer{Refused: "its replication does not run"}
		}
		return engine.ReplicaAnswer{Lag: time.Duration(n) * time.Second}
	}
	return engine.ReplicaAnswer{Refused: "it does not say how far behind it is"}
}

// Written implements engine.Replication.
func (r *Replication) Written(ctx context.Context, conn engine.Queryer) (engine.Position, error) {
	return r.gtids(ctx, conn, "SELECT @@last_gtid")
}

// gtids reads a variable. It returns errNoPosition when the server does not have the
// variable, or no value in it.
func (r *Replication) gtids(ctx context.Context, server engine.Queryer, query string) (engine.Position, error) {
	if r.noGTIDs.Load() {
		return nil, errNoPosition
	}
	var text sql.NullString
	err := server.QueryRowContext(ctx, query).Scan(&text)
	if my := (*mysql.MySQLError)(nil); errors.As(err, &my) && my.Number == unknownVariable {
		r.noGTIDs.Store(true)
		return nil, errNoPosition
	}
	if err != nil {
		return nil, err
	}
	return parseGTIDs(text.String)
}

// unknownVariable is MySQL's number for a variable that is not there.
const unknownVariable = 1193

// parseGTIDs reads 0-1-100,7-2-5 as MariaDB writes it: each time the domain, the
// server and the number of a transaction.
func parseGTIDs(text string) (engine.Position, error) {
	if text == "" {
		return nil, errNoPosition
	}
	p := engine.Position{}
	for item := range strings.SplitSeq(text, ",") {
		parts := strings.Split(strings.TrimSpace(item), "-")
		if len(parts) != 3 {
			return nil, errors.New("dbmodule: read GTID position: want domain-server-number")
		}
		domain, domainErr := strconv.ParseUint(parts[0], 10, 32)
		number, numberErr := strconv.ParseUint(parts[2], 10, 64)
		if err := errors.Join(domainErr, numberErr); err != nil {
			return nil, fmt.Errorf("dbmodule: read GTID position: %w", err)
		}
		p[uint32(domain)] = max(p[uint32(domain)], number)
	}
	return p, nil
}

// replicaStatus returns the columns of the first channel by which a server
// replicates, nil when there is none. The statement has two names, and servers that
// know only one.
func replicaStatus(ctx context.Context, server engine.Queryer) (map[string]string, error) {
	rows, err := server.QueryContext(ctx, "SHOW REPLICA STATUS")
	if err != nil {
		if rows, err = server.QueryContext(ctx, "SHOW SLAVE STATUS"); err != nil {
			return nil, fmt.Errorf("dbmodule: read replication status: %w", err)
		}
	}
	status, err := firstRow(rows)
	return status, errors.Join(err, rows.Close())
}

// firstRow returns the values of a row by their columns' names, nil for no row. A
// NULL is "".
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
