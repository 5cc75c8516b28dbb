package dbmetrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/openhands-go/server/dbmodule"
)

// Watch registers the metrics that are read from the database itself at each
// scrape: its pools', the state of its schema, which needs a connection of
// the readers for a moment and is read at most every five seconds, and its size, for which
// a server is asked at most once a minute. ctx is what
// those readings derive from; when it ends, the schema counts as unreadable.
// Watch does no I/O itself.
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
