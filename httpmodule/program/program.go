// Package program makes a command-line program from an fx application on dbmodule and httpmodule. The
// program reads its settings from the environment and serves until a signal. It has the commands
// serve, db, config, healthcheck, openapi, version and man.
//
//	func main() {
//		program.Main(program.Program{
//			Name: "library", Models: []any{(*Book)(nil)}, Routes: []any{NewRoutes},
//		})
//	}
package program

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
)

// Program is a program with a database and an HTTP server. Every field is optional.
type Program struct {
	// Name is the program's name on the command line. If it is empty, [Main] uses the name of
	// the binary.
	Name string
	// Title is its name in the API documentation and in the banner; Name if empty.
	Title string
	// Version is the version of builds that are not a tagged release of the main module;
	// 0.0.0-dev if empty.
	Version string
	// Short and Long describe the program in its help.
	Short, Long string

	// Models are the models of its tables, as nil pointers to structs.
	Models []any
	// Revisions returns its revisions: see [Sources]. A program with revisions migrates when it
	// starts, unless DATABASE_SCHEMA says otherwise. A program without revisions creates missing
	// tables. Revisions in Go may call tell with a message: it goes to the log or, from a
	// command, to standard error.
	Revisions func(tell func(text string)) []migrate.Source
	// Dir is the folder of the first source in the program's source tree, where the command db
	// reads and writes revisions: relative to the working directory, "migrations" if empty.
	Dir string

	// DatabaseURL is the default of DATABASE_URL. If it is zero, the default is a SQLite file in
	// the working directory, named after the program's Name, such as bookshop.db. For a program
	// without a Name it is app.db, and not the name of the binary, which somebody may rename.
	DatabaseURL dbmodule.URL
	// Databases are the program's databases besides the main one.
	Databases []Database

	// Routes are constructors of [httpmodule.Routes]: see [httpmodule.AsRoutes].
	Routes []any

	// Settings are settings besides those of [Config]: pointers to structs with envconfig's tags,
	// which hold their defaults: see package settings. The program reads the environment into
	// them, and supplies the structs (not the pointers) to the graph.
	Settings []any
	// Complete is called after the environment has been read and before the settings are
	// checked, so that it can derive one setting from another.
	Complete func(cfg *Config)
	// Options are the application's own constructors and hooks. The graph also has dbmodule.Module,
	// autogen.Module, httpmodule.Module, for a program with revisions migrate.Module, the
	// logger, [Config] and the structs of Settings.
	Options fx.Option
	// Serving returns more options for the command serve. It is called when the settings
	// have been read.
	Serving func() fx.Option
}

// Database is a further database of a program: see [dbmodule.Named], which adds it to the graph. Its
// variables begin with its name, for example ARCHIVE_DATABASE_URL: see [dbmodule.Config.Named]. The
// command db uses it with --database NAME.
type Database struct {
	// Name is used in variables, in --database and as a Go package's name: letters and digits.
	Name string
	// Models are the models of its tables, as nil pointers to structs.
	Models []any
	// Revisions are the database's own revisions, with their own version table. Without any,
	// missing tables are created.
	Revisions []migrate.Source
	// Dir is the folder of the first source in the program's source tree: relative to the
	// working directory, Name followed by "migrations" if empty.
	Dir string
}

// Sources makes a Program's Revisions from sources that don't call tell.
func Sources(sources ...migrate.Source) func(func(string)) []migrate.Source {
	return func(func(string)) []migrate.Source { return sources }
}

// Main runs the process's command line, and exits with [Program.Run]'s exit code.
func Main(p Program) {
	if p.Name == "" {
		p.DatabaseURL = p.databaseURL() // before Name is the name of the binary
		p.Name = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	}
	os.Exit(p.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Module returns the whole application without a logger: the modules, the program's models, revisions
// and options, cfg, and the program's settings. It reads no environment: tests use it without a command
// line.
func (p Program) Module(cfg Config) fx.Option {
	options := []fx.Option{
		dbmodule.Module, autogen.Module, httpmodule.Module,
		fx.Supply(cfg, cfg.Database, cfg.HTTP, p.build(), p.info()),
		dbmodule.Models(p.Models...),
	}
	for _, settings := range p.Settings {
		options = append(options, fx.Supply(reflect.ValueOf(settings).Elem().Interface()))
	}
	if p.Revisions != nil {
		options = append(options, migrate.Module, fx.Provide(fx.Annotate(p.revisions, fx.ResultTags(`group:"dbmodule.revisions,flatten"`))))
	}
	for _, d := range p.Databases {
		options = append(options, d.module(cfg))
	}
	for _, constructor := range p.Routes {
		options = append(options, httpmodule.AsRoutes(constructor))
	}
	if p.Options != nil {
		options = append(options, p.Options)
	}
	return fx.Options(options...)
}

func (p Program) title() string {
	if p.Title == "" {
		return p.Name
	}
	return p.Title
}

func (p Program) info() httpmodule.Info {
	return httpmodule.Info{Title: p.title(), Version: p.Release(), Description: cmp.Or(p.Long, p.Short)}
}
