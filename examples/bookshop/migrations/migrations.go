// Package migrations holds the revisions of the database's schema.
package migrations

import (
	"embed"

	"github.com/openhands-go/server/dbmodule/migrate"
)

//go:embed *
var files embed.FS

// Source returns the revisions. Those that are Go code are named in its Code.
func Source() migrate.Source { return migrate.Source{FS: files} }
