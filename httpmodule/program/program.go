// Package program makes a command-line program of an fx application on dbmodule and
// httpmodule: it reads the settings from the environment, serves until a signal, and has the
// commands db, config, healthcheck, openapi and version.
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

// Program is a program with a database and an HTTP server. Everything may be left out.
type Program struct {
	// Name is what the program is called on the command line. [Main] takes the name of the
	// binary if it is empty.
	Name string
	// Title names it in its documentation and at its start; the name if empty.
	Title string
	// Version is the version of a build that is not a tagged release of the main module;
	// 0.0.0-dev if empty.
	Version string
	// Short and Long describe the program in its help.
	Short, Long string

	// Models are those of its tables, as nil pointers to structs.
	Models []any
	// Revisions returns its revisions: see [Sources]. A program that has some migrates at
	// its start, unless DATABASE_SCHEMA says otherwise; without any, tables that are missing
	// are created. Revisions in Go may call tell with what a person should know: it
	// goes to the log or, from a command, to standard error.
	Revisions func(tell func(text string)) []migrate.Source
	// Dir is the folder of the first of them in the program's source, where the command db
	// reads and writes them: relative to the working directory, "migrations" if empty.
	Dir string

	// DatabaseURL is used where the environment has no DATABASE_URL. If it is zero, the program
	// stores in a SQLite file in its working directory. The file has the program's Name, as
	// bookshop.db. A program without a Name stores in app.db, so that its data does not
	// move when somebody renames the binary.
	DatabaseURL dbmodule.URL
	// Databases are more databases, beside the main one.
	Databases []Database

	// Routes are constructors of [httpmodule.Routes], each as [httpmodule.AsRoutes] takes it.
	Routes []any

	// Settings are more variables, besides those of [Config]: pointers to structs that have
	// their defaults, with envconfig's tags as in package settings. The program reads the
	// environment into them, and supplies the structs themselves to the graph.
	Settings []any
	// Complete is called after the environment has been read and before the settings are
	// checked, so that it can derive one setting from another.
	Complete func(cfg *Config)
	// Options are the application's own constructors and hooks. The graph already
	// has the values of dbmodule.Module, autogen.Module, migrate.Module and
	// httpmodule.Module, the logger, [Config] and the structs of Settings.
	Options fx.Option
	// Serving returns more options for the command serve. It is called when the settings
	// have been read.
	Serving func() fx.Option
}

// Database is one more database of a program: see [dbmodule.Named], which adds it to the graph.
// Its variables begin with its name, as ARCHIVE_DATABASE_URL, and [dbmodule.Config.Named]
// reads them. The command db works on it with --database NAME.
type Database struct {
	// Name is a part of names of variables, of a flag's value and of a Go package: letters
	// and digits.
	Name string
	// Models are those of its tables, as nil pointers to structs.
	Models []any
	// Revisions are the database's own, with a history of its own. Without any, tables that
	// are missing are created.
	Revisions []migrate.Source
	// Dir is the folder of the first of them in the program's source: relative to the
	// working directory, the name followed by "migrations" if empty.
	Dir string
}

// Sources makes a Program's Revisions from sources that don't call tell.
func Sources(sources ...migrate.Source) func(func(string)) []migrate.Source {
	return func(func(string)) []migrate.Source { return sources }
}

// Main runs the process's command line, and ends the process with [Program.Run]'s exit code.
func Main(p Program) {
	if p.Name == "" {
		p.DatabaseURL = p.databaseURL() // the name of the binary is not the name of a file
		p.Name = strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	}
	os.Exit(p.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Module is the whole application without a logger: the modules, the program's models,
// revisions and options, and cfg and the program's settings as they are. Tests run it
// without a command line.
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

// title is what people read.
func (p Program) title() string {
	if p.Title == "" {
		return p.Name
	}
	return p.Title
}

// info tells the HTTP side who it is.
func (p Program) info() httpmodule.Info {
	return httpmodule.Info{Title: p.title(), Version: p.Release(), Description: cmp.Or(p.Long, p.Short)}
}
