package dbmodule_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/openhands-go/server/dbmodule"
)

// copyAccounts loads many rows by COPY, in the session's transaction.
func copyAccounts(ctx context.Context, s *dbmodule.Session, names []string) (int64, error) {
	var copied int64
	err := dbmodule.Raw(ctx, s, func(ctx context.Context, conn *pgx.Conn) (err error) {
		copied, err = conn.CopyFrom(ctx, pgx.Identifier{"accounts"}, []string{"name", "balance"},
			pgx.CopyFromSlice(len(names), func(i int) ([]any, error) { return []any{names[i], 0}, nil }))
		return err
	})
	return copied, err
}

// batchAccounts sends several statements in one trip to the server.
func batchAccounts(ctx context.Context, s *dbmodule.Session, balances map[string]int64) error {
	return dbmodule.Raw(ctx, s, func(ctx context.Context, conn *pgx.Conn) error {
		batch := &pgx.Batch{}
		for name, balance := range balances {
			batch.Queue("UPDATE accounts SET balance = $1 WHERE name = $2", balance, name)
		}
		return conn.SendBatch(ctx, batch).Close()
	})
}

// hearAccounts waits for notifications, until ctx ends. A session in a transaction would
// hear none. Nothing but ctx ends the wait: a statement timeout would be one.
func hearAccounts(ctx context.Context, db *dbmodule.Database, hear func(payload string)) error {
	s := db.Sessions().New(dbmodule.Autocommit())
	defer func() { _ = s.Close() }() // it has nothing to give back
	return dbmodule.Raw(dbmodule.WithStatementTimeout(ctx, 0), s, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "LISTEN accounts"); err != nil {
			return err
		}
		hear("listening")
		for {
			notification, err := conn.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			hear(notification.Payload)
		}
	})
}

func ExampleRaw_postgreSQL() {
	var db *dbmodule.Database // of PostgreSQL
	ctx := context.Background()
	err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		if _, err := copyAccounts(ctx, s, []string{"ann", "ben"}); err != nil {
			return err
		}
		return batchAccounts(ctx, s, map[string]int64{"ann": 10, "ben": 20})
	})
	fmt.Println(err)
	go func() { _ = hearAccounts(ctx, db, func(payload string) { fmt.Println("heard", payload) }) }()
}
