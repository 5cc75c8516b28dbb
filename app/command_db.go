package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

func newDBCommand(s streams) *cobra.Command {
	db := &cobra.Command{
		Use:   "db",
		Short: "Manage the tables of the database that DATABASE_URL names",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{text: "db needs one of its commands: create-tables, drop-tables", command: cmd.CommandPath()}
		},
	}
	db.AddCommand(&cobra.Command{
		Use:   "create-tables",
		Short: "Create the tables that are not there",
		Long:  "Creates the tables that are not there, with indexes and constraints. Tables that exist\nstay as they are.",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return createTables(cmd.Context(), s) },
	})
	var yes bool
	drop := &cobra.Command{
		Use:   "drop-tables",
		Short: "Drop the server's tables with everything in them",
		Long:  "Drops the server's tables with everything in them, and no others. It asks before;\nwithout a terminal to ask on it needs --yes.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && !isTerminal(s.in) {
				return &usageError{text: "db drop-tables deletes data and can't ask here: pass --yes if that is meant", command: cmd.CommandPath()}
			}
			return dropTables(cmd.Context(), s, yes)
		},
	}
	drop.Flags().BoolVar(&yes, "yes", false, "drop without asking")
	db.AddCommand(drop)
	return db
}

// withDatabase calls work with the connected database, whose tables nobody
// has touched yet.
func withDatabase(ctx context.Context, s streams, tables *recordedTables, work func(context.Context, *dbmodule.Database) error) error {
	cfg, settings := readSettings()
	if err := problemsOf(settings); err != nil {
		return err
	}
	cfg.Database.Schema = dbmodule.SchemaNone
	log := newLogger(cfg.Log, s.err)
	for _, sentence := range misspelt(settings) {
		log.Warn(sentence)
	}
	var database *dbmodule.Database
	return run(ctx, cfg, log, func(ctx context.Context, _ *fx.App) error { return work(ctx, database) },
		databaseModule, tables.record(), fx.Populate(&database))
}

func createTables(ctx context.Context, s streams) error {
	var tables recordedTables
	return withDatabase(ctx, s, &tables, func(ctx context.Context, database *dbmodule.Database) error {
		if err := database.CreateTables(ctx); err != nil {
			return err
		}
		if len(tables.created) == 0 {
			return s.print("all tables are there already\n")
		}
		return s.print("created " + strings.Join(tables.created, ", ") + "\n")
	})
}

// errNotConfirmed ends a drop that nobody said yes to.
var errNotConfirmed = errors.New("app: nothing was dropped")

func dropTables(ctx context.Context, s streams, yes bool) error {
	var tables recordedTables
	return withDatabase(ctx, s, &tables, func(ctx context.Context, database *dbmodule.Database) error {
		present, err := presentTables(ctx, database)
		if err != nil {
			return err
		}
		if len(present) == 0 {
			return s.print("there are no tables to drop\n")
		}
		if !yes {
			question := fmt.Sprintf("This drops %d tables with everything in them: %s\nfrom %s: %s\nType yes to go on: ",
				len(present), strings.Join(present, ", "), database.Engine(), describeURL(database.URL()))
			if err := s.confirm(ctx, question); err != nil {
				return err
			}
		}
		if err := database.DropTables(ctx); err != nil {
			return err
		}
		return s.print("dropped " + strings.Join(tables.dropped, ", ") + "\n")
	})
}

// presentTables names the models' tables that are there.
func presentTables(ctx context.Context, database *dbmodule.Database) ([]string, error) {
	state, err := database.SchemaState(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, model := range database.Models() {
		table := database.DB().Table(reflect.TypeOf(model).Elem())
		if !slices.Contains(state.Missing, table.Name) {
			names = append(names, table.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// confirm asks, and returns an error unless the answer is yes. It gives up
// when ctx ends; the read then goes on until the process ends.
func (s streams) confirm(ctx context.Context, question string) error {
	s.complain(question)
	answers := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(s.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			line = ""
		}
		answers <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		return errNotConfirmed
	case answer := <-answers:
		if !strings.EqualFold(answer, "yes") {
			return errNotConfirmed
		}
		return nil
	}
}
