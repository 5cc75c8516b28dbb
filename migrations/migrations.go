// Package migrations holds the revisions of the server's own database, a
// folder each, and in the folder snapshot the schema that they lead to. The
// command "openhands-server db revision --autogenerate" writes both from the
// models.
package migrations

import (
	"context"
	"embed"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate"
)

//go:embed *
var files embed.FS

// Source returns the revisions.
func Source() migrate.Source {
	return migrate.Source{FS: files, Code: []migrate.Code{
		{
			Revision: "c5f1d27e90ab", Backfill: tallyEvents,
			// The tallies are right for the revision before as well.
			Downgrade: func(context.Context, bun.IDB) error { return nil },
		},
	}}
}
