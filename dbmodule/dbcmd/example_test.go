package dbcmd_test

import (
	"context"
	"fmt"
	"os"
	"testing/fstest"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/migrate"
)

func ExampleNew() {
	// A program has them by its package's Source, see "db init".
	revisions := fstest.MapFS{
		"20261124_1f0c2d9a4b7e_create_notes/revision.txt": {Data: []byte("create notes\n\nRevision ID: 1f0c2d9a4b7e\nRevises:\n")},
		"20261124_1f0c2d9a4b7e_create_notes/all.sql":      {Data: []byte("-- migrate:upgrade\nCREATE TABLE notes (id int);\n\n-- migrate:downgrade\nDROP TABLE notes;\n")},
	}
	root := &cobra.Command{Use: "notes", SilenceErrors: true}
	root.AddCommand(dbcmd.New(dbcmd.Config{
		Sources: []migrate.Source{{FS: revisions}},
		Build:   "notes 1.0",
		Settings: func() (dbcmd.Settings, error) {
			cfg := dbmodule.DefaultConfig()
			err := cfg.URL.UnmarshalText([]byte("sqlite://"))
			return dbcmd.Settings{Database: cfg}, err
		},
	}))
	root.SetOut(os.Stdout)
	root.SetErr(os.Stdout)
	for _, args := range [][]string{{"db", "history"}, {"db", "upgrade"}, {"db", "current", "--check-heads"}} {
		root.SetArgs(args)
		if err := root.ExecuteContext(context.Background()); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// <base> -> 1f0c2d9a4b7e (head), create notes
	// Running upgrade  -> 1f0c2d9a4b7e, create notes
	// dbcmd: current: the database is not on all head revisions: 1 revision to apply: run "notes db upgrade heads"
}
