// Command bookshop is an application on dbmodule and httpmodule: "bookshop"
// serves, "bookshop db …" migrates the database and writes revisions.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/examples/bookshop/migrations"
	"github.com/openhands-go/server/examples/bookshop/shop"
	"github.com/openhands-go/server/httpmodule"
	environment "github.com/openhands-go/server/httpmodule/program/settings"
)

// settings are the environment: DATABASE_URL, HOST and the others of
// dbmodule and httpmodule as they are, and REPORTS_DATABASE_URL and so on for
// the second database.
type settings struct {
	database, reports dbmodule.Config
	web               httpmodule.Config
}

func readSettings() (settings, error) {
	s := settings{database: dbmodule.DefaultConfig(), web: httpmodule.DefaultConfig()}
	var err error
	if s.database.URL, err = dbmodule.ParseURL("sqlite:///./bookshop.db"); err != nil {
		return s, err
	}
	if err := environment.Read(&s.database, &s.web).Err(); err != nil {
		return s, err
	}
	s.reports, err = s.database.Named(shop.Reports, func(variable string) (string, bool) {
		value, ok := os.LookupEnv(variable)
		if variable == "REPORTS_DATABASE_URL" && value == "" {
			return "sqlite:///./reports.db", true
		}
		return value, ok
	})
	s.database.Schema = dbmodule.SchemaMigrate
	return s, err
}

func serve(*cobra.Command, []string) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	app := fx.New(dbmodule.Module, httpmodule.Module, shop.Module,
		dbmodule.NamedConfig(shop.Reports, s.reports), fx.Supply(s.database, s.web),
		fx.Provide(zap.NewProduction), fx.NopLogger)
	if err := app.Err(); err != nil {
		return err
	}
	app.Run()
	return nil
}

// newDB makes the command db, for the database of the settings.
func newDB(read func() (settings, error)) *cobra.Command {
	return dbcmd.New(dbcmd.Config{
		Models:  shop.Models(),
		Sources: []migrate.Source{migrations.Source()},
		Settings: func() (dbcmd.Settings, error) {
			s, err := read()
			return dbcmd.Settings{Database: s.database}, err
		},
	})
}

func main() {
	root := &cobra.Command{Use: "bookshop", Short: "Sell books", RunE: serve, SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(newDB(readSettings))
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
