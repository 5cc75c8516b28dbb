package observe_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/observe"
)

// writes counts the statements that changed something, and the transactions that were stored.
type writes struct{ statements, stored atomic.Int64 }

func (w *writes) UnitBegan(ctx context.Context, _ observe.UnitOfWork) context.Context { return ctx }
func (w *writes) Acquired(context.Context, observe.Acquisition)                       {}
func (w *writes) Retrying(context.Context, observe.Retry)                             {}

func (w *writes) Statement(_ context.Context, statement observe.Statement) {
	if statement.Operation() == "INSERT" && statement.Err == nil {
		w.statements.Add(1)
	}
}

func (w *writes) UnitEnded(_ context.Context, end observe.UnitEnd) {
	if end.Outcome == observe.OutcomeCommit {
		w.stored.Add(1)
	}
}

func ExampleObserver() {
	count := new(writes)
	if err := storeSongs(context.Background(), count); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(count.statements.Load(), "statements,", count.stored.Load(), "transaction")
	// Output: 2 statements, 1 transaction
}

// storeSongs uses a database that tells the observer what it does.
func storeSongs(ctx context.Context, observer observe.Observer) (err error) {
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithObserver(observer))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Connect(ctx); err != nil {
		return err
	}
	return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		for _, statement := range []string{
			"CREATE TABLE songs (title text)", "INSERT INTO songs VALUES ('a')", "INSERT INTO songs VALUES ('b')",
		} {
			if _, err := s.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}
