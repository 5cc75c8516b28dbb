// Package dbcmd is the command "db": every command of Alembic, with its names,
// flags and output, and a few more, for any cobra program with models and
// revisions of its own.
//
//	root.AddCommand(dbcmd.New(dbcmd.Config{
//		Models:  []any{(*Book)(nil)},
//		Sources: []migrate.Source{migrations.Source()},
//		Build:   "books 1.2",
//		Settings: func() (dbcmd.Settings, error) {
//			return dbcmd.Settings{Database: cfg, Log: log}, nil
//		},
//	}))
//
// A team begins with init, writes a revision for each change of its models by
// "revision --autogenerate", reads it, has check and lint in its pipeline, and
// brings databases up to date by upgrade, or by the program's own start.
//
// # Where revisions are
//
// Where the program's source is, commands read the revisions from its folder,
// so that a new one counts before the program is built again. Elsewhere, where
// the program is deployed, they are those it was built with.
//
// # Streams and exit codes
//
// Standard output has results only: "upgrade --sql > file" is SQL and nothing
// else. What is being done goes to the standard error. A command that fails
// returns its error to the program; check, lint, doctor and "current
// --check-heads" fail when they find what they look for.
//
// # Alembic
//
// The differences are: upgrade without an argument goes to head; revision
// --autogenerate compares with the snapshot beside the revisions unless --live
// is given, and writes nothing if nothing changed; check looks at the revisions
// that the database has rather than at its tables, unless --live is given.
// -x is there if Config has Arguments. Templates and --tag are not there.
package dbcmd
