package scale

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// ProgressFunc is told now and then how many events are loaded.
type ProgressFunc func(loaded int64)

// Load makes the server's tables in an empty database and fills them: by COPY
// on PostgreSQL, by prepared statements of many rows elsewhere, and without
// syncs on SQLite. A load that is cut short leaves a database that is of no
// use.
func Load(ctx context.Context, c contract.Config, d Data, progress ProgressFunc) (err error) {
	if err := makeTables(ctx, c, d); err != nil {
		return err
	}
	c.Synchronous = "OFF"
	pools, err := contract.Open(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pools.Close()) }()
	conn, err := pools.Writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("scale: load: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, statement := range before[c.Engine] {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("scale: load: %s: %w", statement, err)
		}
	}
	if c.Engine == dbmodule.PostgreSQL {
		err = copyEvents(ctx, conn, d, progress)
	} else {
		err = insertEvents(ctx, conn, d, progress)
	}
	if err != nil {
		return fmt.Errorf("scale: load: %w", err)
	}
	for _, statement := range after[c.Engine] {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("scale: load: %s: %w", statement, err)
		}
	}
	return nil
}

// before makes a connection fit for loading: the rows are known to be right.
var before = map[dbmodule.Engine][]string{
	dbmodule.SQLite:     {"PRAGMA cache_size=-500000", "PRAGMA foreign_keys=0", "PRAGMA wal_autocheckpoint=100000"},
	dbmodule.PostgreSQL: {"SET session_replication_role=replica"},
	dbmodule.MySQL:      {"SET unique_checks=0", "SET foreign_key_checks=0"},
}

// after leaves what a database has that grew to this size by itself: statistics
// and, on PostgreSQL, the visibility map, both kept by autovacuum there.
var after = map[dbmodule.Engine][]string{
	dbmodule.SQLite:     {"ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)"},
	dbmodule.PostgreSQL: {"VACUUM ANALYZE"},
	dbmodule.MySQL:      {"ANALYZE TABLE conversations, events, event_counts"},
}

// makeTables makes the tables from the server's models, and the conversations
// with what is counted of their events.
func makeTables(ctx context.Context, c contract.Config, d Data) (err error) {
	db, err := openDatabase(ctx, c, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CreateTables(ctx); err != nil {
		return err
	}
	return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		for first := int64(0); first < d.Conversations(); first += 100 {
			var rows []*conversations.Conversation
			var tallies []*events.Tally
			for n := first; n < min(first+100, d.Conversations()); n++ {
				rows = append(rows, d.conversation(n))
				tallies = append(tallies, d.tallies(n)...)
			}
			if _, err := s.NewInsert().Model(&rows).Exec(ctx); err != nil {
				return fmt.Errorf("scale: load conversations: %w", err)
			}
			if _, err := s.NewInsert().Model(&tallies).Returning("NULL").Exec(ctx); err != nil {
				return fmt.Errorf("scale: load tallies: %w", err)
			}
		}
		return nil
	})
}

var columns = []string{"conversation_id", "id", "kind", "source", "ts", "final", "body", "payload", "number"}

func values(e *events.Event) []any {
	return []any{e.ConversationID, e.ID, e.Kind, e.Source, e.Micros, e.Final, e.Body, e.Payload, e.Number}
}

// tell is how many events pass between two calls of a ProgressFunc.
const tell = 10_000

func copyEvents(ctx context.Context, conn *sql.Conn, d Data, progress ProgressFunc) error {
	return conn.Raw(func(driverConn any) error {
		pgConn, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("the driver's connection is %T", driverConn)
		}
		source := make(chan []any, tell)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			defer close(source)
			for e := range d.Events() {
				select {
				case source <- values(e):
				case <-ctx.Done():
					return
				}
			}
		}()
		loaded := int64(0)
		_, err := pgConn.Conn().CopyFrom(ctx, pgx.Identifier{"events"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, more := <-source
			if !more {
				return nil, ctx.Err()
			}
			if loaded++; loaded%tell == 0 {
				progress(loaded)
			}
			return row, nil
		}))
		return err
	})
}

const (
	// rowsPerInsert keeps a statement's arguments below what SQLite takes.
	rowsPerInsert = 500
	// rowsPerCommit bounds what is written anew at a checkpoint.
	rowsPerCommit = 100_000
)

func insertEvents(ctx context.Context, conn *sql.Conn, d Data, progress ProgressFunc) error {
	full, err := conn.PrepareContext(ctx, insertText(rowsPerInsert))
	if err != nil {
		return err
	}
	var (
		args   []any
		loaded int64
		tx     *sql.Tx
	)
	flush := func() error {
		if tx == nil {
			if tx, err = conn.BeginTx(ctx, nil); err != nil {
				return err
			}
		}
		var err error
		if rows := len(args) / len(columns); rows == rowsPerInsert {
			_, err = tx.StmtContext(ctx, full).ExecContext(ctx, args...)
		} else if rows > 0 {
			_, err = tx.ExecContext(ctx, insertText(rows), args...)
		}
		args = args[:0]
		return err
	}
	commit := func() error {
		done := tx
		tx = nil
		return done.Commit()
	}
	for e := range d.Events() {
		args = append(args, values(e)...)
		loaded++
		if loaded%rowsPerInsert == 0 {
			if err := flush(); err != nil {
				return rollBack(tx, err)
			}
		}
		if loaded%rowsPerCommit == 0 {
			if err := commit(); err != nil {
				return err
			}
		}
		if loaded%tell == 0 {
			progress(loaded)
		}
	}
	if err := flush(); err != nil {
		return rollBack(tx, err)
	}
	return errors.Join(commit(), full.Close())
}

// rollBack ends a transaction after err, unless the context's end has done so.
func rollBack(tx *sql.Tx, err error) error {
	if tx == nil {
		return err // it did not begin
	}
	if rollbackErr := tx.Rollback(); !errors.Is(rollbackErr, sql.ErrTxDone) {
		return errors.Join(err, rollbackErr)
	}
	return err
}

func insertText(rows int) string {
	row := "(" + strings.Repeat("?, ", len(columns)-1) + "?)"
	return "INSERT INTO events (" + strings.Join(columns, ", ") + ") VALUES " + strings.Repeat(row+", ", rows-1) + row
}
