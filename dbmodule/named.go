package dbmodule

import (
	"fmt"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Named adds one more database to an fx application, beside that of [Module] or
// without it. It supplies *Database, *bun.DB and *SessionFactory under the name,
// which a constructor asks for by fx's name:"reports" tag:
//
//	type Params struct {
//		fx.In
//
//		Sessions *dbmodule.SessionFactory
//		Reports  *dbmodule.SessionFactory `name:"reports"`
//	}
//
// It needs a [Config] of the same name ([NamedConfig], read by [Config.Named]) and a *zap.Logger,
// takes the models of [NamedModels], the observers of [AsNamedObserver] and the
// revisions of migrate.Named; the
// [TableManager] is the one that all databases share. Everything else is as
// Module has it: its own pool, hooks of its own, what Config.Schema says at the
// start.
//
// Settings that are all the main database's are refused: then a variable was not
// set, and the reader fell back to the main one's.
//
// A transaction is of one database: no unit of work spans two of them.
func Named(name string) fx.Option {
	tag := nameTag(name)
	return fx.Module("dbmodule."+name, fx.Provide(fx.Annotate(
		func(cfg, main Config, log *zap.Logger, lc fx.Lifecycle, models []any, observers []Observer, tables TableManager, migrator Migrator, shutdowner fx.Shutdowner) (*Database, *bun.DB, *SessionFactory, error) {
			if cfg.isCopyOf(main) {
				return nil, nil, nil, fmt.Errorf("dbmodule: database %s: its settings are all those of the main database: set %sDATABASE_URL, and read the settings by Config.Named", name, variablePrefix(name))
			}
			r, err := New(Params{
				Config: cfg, Log: log.Named(name), Lifecycle: lc,
				Models: models, Observers: observers, Tables: tables, Migrator: migrator, Shutdowner: shutdowner,
			})
			if err != nil {
				return nil, nil, nil, fmt.Errorf("database %s: %w", name, err)
			}
			return r.Database, r.DB, r.Sessions, nil
		},
		fx.ParamTags(tag, optional, "", "", modelsOf(name), observersOf(name), optional, tag+" "+optional, optional),
		fx.ResultTags(tag, tag, tag),
	)))
}

// NamedConfig supplies the settings of the database that [Named] adds.
func NamedConfig(name string, cfg Config) fx.Option {
	return fx.Supply(fx.Annotate(cfg, fx.ResultTags(nameTag(name))))
}

// NamedModels is [Models] for the database that [Named] adds.
func NamedModels(name string, models ...any) fx.Option {
	return fx.Supply(fx.Annotate(models, fx.ResultTags(modelsOf(name+",flatten"))))
}

// AsNamedObserver is [AsObserver] for the database that [Named] adds.
func AsNamedObserver(name string, constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.As(new(Observer)), fx.ResultTags(observersOf(name))))
}

const optional = `optional:"true"`

func nameTag(name string) string { return fmt.Sprintf("name:%q", name) }

func modelsOf(name string) string { return fmt.Sprintf("group:%q", "dbmodule.models."+name) }

func observersOf(name string) string { return fmt.Sprintf("group:%q", "dbmodule.observers."+name) }
