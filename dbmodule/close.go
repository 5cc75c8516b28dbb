package dbmodule

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
)

// Close closes the database. From then on sessions, factories, and Bun's methods get
// [ErrDatabaseClosed] instead of a connection. Callers that hold a connection may
// continue and commit: Close waits for them, at most for DATABASE_CLOSE_TIMEOUT. Then it
// ends the work in progress: it cancels statements and rolls back transactions, and
// later uses return ErrDatabaseClosed, too. Close logs how many connections it ended.
// It may be called more than once.
func (d *Database) Close() error { return d.close(context.Background()) } //nolint:forbidigo // it has a time limit of its own

// close is Close for a caller who waits no longer than ctx lasts.
func (d *Database) close(ctx context.Context) error {
	errs := []error{d.cluster.Close(), d.replicas.close(), d.pools.close()}
	if severed := d.live.End(ctx, d.config.CloseTimeout); severed > 0 {
		d.log.Warn("close: work in progress is ended: its transactions are rolled back",
			zap.Int("connections", severed), zap.Duration("waited", d.config.CloseTimeout))
	}
	d.pools.connector.Groups.End()
	d.replicas.wait()
	d.pools.wait()
	if d.closeConnected != nil {
		errs = append(errs, d.closeConnected())
		d.closeConnected = func() error { return nil }
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("dbmodule: close: %w", err)
	}
	return nil
}
