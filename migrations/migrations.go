// Package migrations holds the revisions of the server's database, one folder for each. The folder snapshot has
// the schema after the last revision. The command "openhands-server db revision --autogenerate" writes both from
// the models.
package migrations

import (
	"context"
	"embed"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate"
)

//go:embed *
var files embed.FS

// Source returns the revisions. They call each function of tell with a summary when they have changed data.
func Source(tell ...func(text string)) migrate.Source {
	tellAll := func(text string) {
		for _, t := range tell {
			t(text)
		}
	}
	keepData := func(context.Context, bun.IDB) error { return nil }
	return migrate.Source{FS: files, Code: []migrate.Code{
		{
			Revision: "c5f1d27e90ab", Backfill: tallyEvents,
			// The earlier build can use the tallies too.
			Downgrade: keepData,
		},
		{
			Revision: "152e5193b7b6", Backfill: cleanEvents(tellAll),
			// The deleted events were not part of the history in the earlier build either.
			Downgrade: keepData,
		},
		{Revision: "0e3686855626", Backfill: takeSkills, Downgrade: unpackAll},
		{Revision: "ca8bfc75e6de", Backfill: fillListings, Downgrade: keepData},
		{Revision: "7366897c0ea2", Backfill: markParents, Downgrade: keepData},
		{Revision: "063d589095f0", Backfill: numberEvents, Downgrade: keepData},
		{Revision: "5df7382241ef", Backfill: sortTags, Downgrade: keepData},
	}}
}
