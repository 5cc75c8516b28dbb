package dbmodule

import "github.com/uptrace/bun"

// Readers is the database beneath read-only sessions.
func Readers(d *Database) *bun.DB { return bun.NewDB(openDB(d.pools.reader), d.pools.opened.Dialect) }

// ConfigOf is what the database was opened with.
func ConfigOf(d *Database) Config { return d.config }
