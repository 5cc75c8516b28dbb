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

// config reads the database's own variables over the settings of base.
func (d Database) config(main Config) (dbmodule.Config, error) {
	cfg, err := d.base(main).Named(d.Name, os.LookupEnv)
	if err != nil {
		return cfg, fmt.Errorf("program: %w", err)
	}
	return cfg, nil
}

// base returns the main database's settings, which are the defaults of this database. The schema mode
// is changed where it does not fit: a database without revisions can't migrate, and one with
// revisions migrates instead of creating tables.
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

// read adds the database's variables to the program's settings, so that the command config lists them
// and serve reports their problems. URL, replicas and passwords have no default: they are never the
// main database's.
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

// databases returns the configuration of the command db for each further database.
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
