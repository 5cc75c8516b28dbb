package program

import (
	"fmt"
	"os"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule/program/settings"
)

// config reads the variables of the database. DATABASE_SCHEMA is that of the main database where
// it suits: one with revisions migrates, one without can't.
func (d Database) config(main Config) (dbmodule.Config, error) {
	cfg, err := d.base(main).Named(d.Name, os.LookupEnv)
	if err != nil {
		return cfg, fmt.Errorf("program: %w", err)
	}
	return cfg, nil
}

// base are the main database's settings that the database has unless its own say otherwise.
func (d Database) base(main Config) dbmodule.Config {
	base := main.Database
	switch {
	case len(d.Revisions) == 0 && base.Schema == dbmodule.SchemaMigrate:
		base.Schema = dbmodule.SchemaCreate
	case len(d.Revisions) > 0 && base.Schema == dbmodule.SchemaCreate:
		base.Schema = dbmodule.SchemaMigrate
	}
	return base
}

// read adds the database's variables to the program's, for who wants to see all of them. What
// says which database it is, and how to log in, is never that of the main one.
func (d Database) read(main Config, all *settings.Settings) {
	cfg := d.base(main)
	cfg.URL, cfg.ReplicaURLs, cfg.PasswordFile, cfg.PasswordCommand, cfg.Password = dbmodule.URL{}, nil, "", "", nil
	all.ReadNamed(dbmodule.NamedPrefix(d.Name), &cfg)
}

// module adds the database to the graph.
func (d Database) module(main Config) fx.Option {
	options := []fx.Option{
		dbmodule.Named(d.Name),
		dbmodule.NamedModels(d.Name, d.Models...),
		fx.Provide(fx.Annotate(func() (dbmodule.Config, error) { return d.config(main) }, fx.ResultTags(fmt.Sprintf("name:%q", d.Name)))),
	}
	if len(d.Revisions) > 0 {
		options = append(options, migrate.Named(d.Name, d.Revisions...))
	}
	return fx.Options(options...)
}

// databases is what the command db has to know of them.
func (p Program) databases(s streams) map[string]dbcmd.Config {
	all := make(map[string]dbcmd.Config, len(p.Databases))
	for _, d := range p.Databases {
		all[d.Name] = dbcmd.Config{
			Models: d.Models, Sources: d.Revisions, Dir: d.Dir,
			Settings: func() (dbcmd.Settings, error) { return p.settingsOf(d, s) },
		}
	}
	return all
}

func (p Program) settingsOf(d Database, s streams) (dbcmd.Settings, error) {
	settings, main, err := p.mainSettings(s)
	if err == nil {
		settings.Database, err = d.config(main)
	}
	return settings, err
}
