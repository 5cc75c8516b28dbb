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
// A team begins with init. For each change of its models it drafts a revision
// by "revision --autogenerate" and reads the draft. It runs check and lint in
// its pipeline. It brings databases up to date by upgrade, or when the program
// starts.
//
// # Where revisions are
//
// If the program's source folder is there, commands read the revisions from it,
// so a new revision can be used before the program is built again. If not, as
// where the program is deployed, commands use the revisions that are embedded in
// the program.
//
// # Streams and exit codes
//
// Standard output has results only: "upgrade --sql > file" is SQL and nothing
// else. Messages about progress go to standard error. A command that fails
// returns its error to the program; check, lint, doctor and "current
// --check-heads" fail when they find what they look for.
//
// # Alembic
//
// The differences are: upgrade without an argument goes to head; revision
// --autogenerate compares with the snapshot beside the revisions unless --live
// is given, and writes nothing if nothing changed; check looks at the revisions
// that the database has rather than at its tables, unless --live is given.
// The flag -x exists if Config has Arguments. Templates and --tag do not exist.
package dbcmd
