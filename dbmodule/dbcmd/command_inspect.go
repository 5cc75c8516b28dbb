package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

func (t *tree) inspectCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Print the models' tables as the database has them",
		Long: "Prints the tables of the models as they are in the database: as HCL, in which the\n" +
			"snapshots are, or as the SQL that would create them. Tables of no model are left out.",
		Example: t.examples("inspect", "inspect --format sql", "inspect | diff migrations/snapshot/postgresql.hcl -"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := noArguments(cmd, args); err != nil {
				return err
			}
			if format != "hcl" && format != "sql" {
				return usage(cmd, "--format takes hcl or sql, not %q", format)
			}
			if len(t.config.Models) == 0 {
				return errNoModels
			}
			return t.connected(cmd, func(ctx context.Context, db *dbmodule.Database) error {
				text, left, err := t.inspect(ctx, db, format)
				if err != nil {
					return err
				}
				tellLeftAlone(cmd, left)
				return say(cmd, "%s", text)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "hcl", "`FORM` of the output: hcl or sql")
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

// tellLeftAlone names what could not be compared or printed.
func tellLeftAlone(cmd *cobra.Command, left []autogen.LeftAlone) {
	for _, l := range left {
		tell(cmd, "note: %s\n", l)
	}
}
