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

// Source returns the revisions. What a revision has to say of what it did goes to tell,
// when it is done with all; none need be given.
func Source(tell ...func(text string)) migrate.Source {
	all := func(text string) {
		for _, t := range tell {
			t(text)
		}
	}
	stay := func(context.Context, bun.IDB) error { return nil }
	return migrate.Source{FS: files, Code: []migrate.Code{
		{
			Revision: "c5f1d27e90ab", Backfill: tallyEvents,
			// The tallies are right for the revision before as well.
			Downgrade: stay,
		},
		{
			Revision: "152e5193b7b6", Backfill: cleanEvents(all),
			// What is deleted had no place in the history for builds before either.
			Downgrade: stay,
		},
		{Revision: "0e3686855626", Backfill: takeSkills, Downgrade: unpackAll},
		{Revision: "ca8bfc75e6de", Backfill: fillListings, Downgrade: stay},
		{Revision: "7366897c0ea2", Backfill: markParents, Downgrade: stay},
		{Revision: "063d589095f0", Backfill: numberEvents, Downgrade: stay},
		{Revision: "5df7382241ef", Backfill: sortTags, Downgrade: stay},
	}}
}
