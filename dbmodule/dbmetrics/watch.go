package dbmetrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule"
)

// Watch registers the metrics that are read from the database at each scrape: the statistics of its
// pools, the state of its schema, and its size. The state is read at most every five seconds, on a
// connection of the readers. A server is asked for the size at most once a minute. When ctx ends,
// these reads fail, and the schema counts as unreadable. Watch itself does no I/O.
func (m *Metrics) Watch(ctx context.Context, database *dbmodule.Database) error {
	if database == nil {
		return errors.New("dbmetrics: watch: there is no database")
	}
	if err := m.registerer.Register(pools{database}); err != nil {
		return fmt.Errorf("dbmetrics: register pools: %w", err)
	}
	if err := m.registerer.Register(&schema{database: database, base: ctx}); err != nil {
		return fmt.Errorf("dbmetrics: register schema: %w", err)
	}
	if err := m.registerer.Register(&storage{database: database, base: ctx}); err != nil {
		return fmt.Errorf("dbmetrics: register storage: %w", err)
	}
	return nil
}
