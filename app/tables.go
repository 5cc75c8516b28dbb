package app

import (
	"context"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

// recordedTables notes what a TableManager did, for people to read. It is
// read after the application has started.
type recordedTables struct {
	dbmodule.TableManager
	created, dropped []string
}

// record puts r around the application's TableManager.
func (r *recordedTables) record() fx.Option {
	return fx.Decorate(func(inner dbmodule.TableManager) dbmodule.TableManager {
		r.TableManager = inner
		return r
	})
}

// Create creates tables.
func (r *recordedTables) Create(ctx context.Context, conn bun.Conn, models []any) ([]string, error) {
	created, err := r.TableManager.Create(ctx, conn, models)
	r.created = append(r.created, created...)
	return created, err
}

// Drop drops tables.
func (r *recordedTables) Drop(ctx context.Context, conn bun.Conn, models []any) ([]string, error) {
	dropped, err := r.TableManager.Drop(ctx, conn, models)
	r.dropped = append(r.dropped, dropped...)
	return dropped, err
}
