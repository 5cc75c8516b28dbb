package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/autogen/modelcode"
)

func (t *tree) inspectCommand() *cobra.Command {
	var format, packageName string
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Print the models' tables as they are in the database, or write models for its tables",
		Long: "Prints the models' tables as they are in the database: as HCL, the format of the\n" +
			"snapshots, or as the SQL that would create them. Tables without a model are left out.\n\n" +
			"With --format go it prints Go code instead: Bun models for all tables in the database,\n" +
			"for example tables that another tool made. docs/adopting.md says how to go on.",
		Example: t.examples("inspect", "inspect --format sql", "inspect | diff migrations/snapshot/postgresql.hcl -", "inspect --format go --package models > models/models.go"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			if format != "hcl" && format != "sql" && format != "go" {
				return usage(cmd, "--format takes hcl, sql or go, not %q", format)
			}
			if format != "go" && len(t.config.Models) == 0 {
				return errNoModels
			}
			if !token.IsIdentifier(packageName) {
				return usage(cmd, "--package takes the name of a Go package, not %q", packageName)
			}
			return t.connected(cmd, func(ctx context.Context, db *dbmodule.Database) error {
				if format == "go" {
					return t.printModels(ctx, cmd, db, packageName)
				}
				text, left, err := t.inspect(ctx, db, format)
				if err != nil {
					return err
				}
				tellLeftAlone(cmd, left)
				return say(cmd, "%s", text)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "hcl", "`FORM` of the output: hcl, sql or go")
	cmd.Flags().StringVar(&packageName, "package", "models", "with --format go: `NAME` of the package that the models are for")
	return cmd
}

func (t *tree) inspect(ctx context.Context, db *dbmodule.Database, format string) (text string, left []autogen.LeftAlone, err error) {
	conn, err := db.DB().Conn(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("dbcmd: inspect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	found, err := autogen.InspectModels(ctx, conn, t.config.Models...)
	if err != nil {
		return "", nil, err
	}
	if format == "hcl" {
		hcl, err := autogen.MarshalSnapshot(db.Engine(), found.Realm)
		return string(hcl), found.LeftAlone, err
	}
	statements, err := autogen.DDL(ctx, db.Engine(), found.Realm)
	if err != nil || len(statements) == 0 {
		return "", found.LeftAlone, err
	}
	for i, statement := range statements {
		statements[i] = layOut(db.Engine(), statement)
	}
	return strings.Join(statements, ";\n") + ";\n", found.LeftAlone, nil
}

// printModels prints Go code with a model for each table of the database.
func (t *tree) printModels(ctx context.Context, cmd *cobra.Command, db *dbmodule.Database, packageName string) (err error) {
	conn, err := db.DB().Conn(ctx)
	if err != nil {
		return fmt.Errorf("dbcmd: inspect: %w", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	found, err := autogen.InspectTables(ctx, conn)
	if err != nil {
		return err
	}
	t.dropVersionTables(found.Realm)
	text, err := modelcode.Write(db.Engine(), found, packageName)
	if err != nil {
		return err
	}
	tellLeftAlone(cmd, found.LeftAlone)
	return say(cmd, "%s", text)
}

// dropVersionTables removes from realm the tables of package migrate that the program's sources
// have renamed.
func (t *tree) dropVersionTables(realm *schema.Realm) {
	kept := map[string]bool{}
	for _, source := range t.config.Sources {
		if name := source.VersionTable.Name; name != "" {
			kept[name], kept[name+"_history"], kept[name+"_lease"] = true, true, true
		}
		kept[source.VersionTable.History] = true
	}
	for _, s := range realm.Schemas {
		s.Tables = slices.DeleteFunc(s.Tables, func(table *schema.Table) bool { return kept[table.Name] })
	}
}

// tellLeftAlone prints a note for each object that could not be compared or printed.
func tellLeftAlone(cmd *cobra.Command, left []autogen.LeftAlone) {
	for _, l := range left {
		tell(cmd, "note: %s\n", l)
	}
}
