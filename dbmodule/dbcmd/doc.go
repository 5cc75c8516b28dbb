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
// with "revision --autogenerate" and reads the draft. Its CI pipeline runs check
// and lint. The command upgrade brings databases up to date, or the program does
// so when it starts.
//
// # Where revisions are
//
// If the program's source folder exists, commands read the revisions from it, so a
// new revision can be used before the program is built again. If the folder does
// not exist, for example where the program is deployed, commands use the revisions
// that are embedded in the program.
//
// # Streams and exit codes
//
// Standard output has only results: "upgrade --sql > file" writes only SQL to the
// file. Messages about progress go to standard error. A command that fails returns
// its error to the program. The commands check, lint, doctor and "current
// --check-heads" fail if they find a problem.
//
// # Alembic
//
// The differences from Alembic are:
//   - upgrade without an argument upgrades to head.
//   - revision --autogenerate compares the models with the snapshot beside the
//     revisions; with --live it compares them with a database. If nothing changed,
//     it writes no revision.
//   - check examines which revisions the database has, not its tables; with --live
//     it examines the tables too.
//   - The flag -x exists only if Config has Arguments.
//   - There are no templates, and no --tag.
package dbcmd
