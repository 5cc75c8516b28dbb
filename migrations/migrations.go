// Package migrations holds the revisions of the server's own database, a
// folder each, and in the folder snapshot the schema that they lead to. The
// command "openhands-server db revision --autogenerate" writes both from the
// models.
package migrations

import (
	"embed"

	"github.com/openhands-go/server/dbmodule/migrate"
)

//go:embed *
var files embed.FS

// Source returns the revisions.
func Source() migrate.Source { return migrate.Source{FS: files} }
