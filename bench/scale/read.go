package scale

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule"
)

// read is how many rows and index entries the database reads for a request's statements; -1 on SQLite, which
// does not tell. The statements run again for it, on one connection.
func (p *planner) read(ctx context.Context, r request) (_ int64, err error) {
	query := map[dbmodule.Engine]string{
		// Handler_read_… and Handler_icp_attempts, of this connection.
		dbmodule.MySQL: "SELECT SUM(variable_value) FROM information_schema.session_status " +
			"WHERE variable_name LIKE 'HANDLER\\_READ\\_%' OR variable_name = 'HANDLER_ICP_ATTEMPTS'",
		// Rows of tables one after the other or by an index, and entries of indexes, in this transaction.
		dbmodule.PostgreSQL: "SELECT sum(pg_stat_get_xact_tuples_returned(oid) + CASE relkind WHEN 'r' THEN pg_stat_get_xact_tuples_fetched(oid) ELSE 0 END) " +
			"FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = current_schema()::regnamespace",
	}[p.engine]
	if query == "" {
		return -1, nil
	}
	statements, err := p.statements(ctx, r)
	if err != nil {
		return 0, err
	}
	tx, err := p.pools.Writer.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, fmt.Errorf("scale: count what is read: %w", err)
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	var counts [3]int64
	for i := range counts {
		if i == 2 { // to look at the counters reads some, too
			for _, statement := range statements {
				if err := drain(ctx, tx, statement); err != nil {
					return 0, fmt.Errorf("scale: count what %.200s reads: %w", statement, err)
				}
			}
		}
		if err := tx.QueryRowContext(ctx, query).Scan(&counts[i]); err != nil {
			return 0, fmt.Errorf("scale: count what is read: %w", err)
		}
	}
	return counts[2] - counts[1] - (counts[1] - counts[0]), nil
}

// drain reads all rows of a statement.
func drain(ctx context.Context, tx *sql.Tx, statement string) (err error) {
	rows, err := tx.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() { // nothing is done with them
	}
	return rows.Err()
}
