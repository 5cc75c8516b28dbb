package dbmodule

import (
	"context"
	"errors"
	"fmt"
)

// Dedicated opens connections of their own to the same database, at most n of
// them, for work that must not take connections from requests nor be bound by
// their limits, such as migrations. They are connected when it returns; the
// caller calls closeFunc when done.
//
// On SQLite it returns d itself, and a closeFunc that does nothing: the one
// writer connection is there what keeps writers apart, and a database in
// memory can't be opened a second time.
func (d *Database) Dedicated(ctx context.Context, n int) (dedicated *Database, closeFunc func() error, err error) {
	if d.pools.opened.OpenReader != nil {
		return d, func() error { return nil }, nil
	}
	cfg := d.config
	cfg.PoolSize, cfg.MaxOverflow = max(n, 1), 0
	cfg.PoolRecycle, cfg.StatementTimeout = 0, 0
	cfg.ReplicaURLs = nil
	dedicated, err = Open(cfg, d.log, unwatched(), WithObserver(d.observers...))
	if err != nil {
		return nil, nil, err
	}
	if err := dedicated.Connect(ctx); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("dbmodule: connections of their own: %w", err), dedicated.Close())
	}
	return dedicated, dedicated.Close, nil
}
