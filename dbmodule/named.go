package dbmodule

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Named adds one more database to an fx application, beside that of [Module] or
// without it. It supplies *Database, *bun.DB and *SessionFactory under the name,
// which a constructor takes with fx's tag name:"reports":
//
//	type Params struct {
//		fx.In
//
//		Sessions *dbmodule.SessionFactory
//		Reports  *dbmodule.SessionFactory `name:"reports"`
//	}
//
// It needs a [Config] of the same name ([NamedConfig], read by [Config.Named]) and a *zap.Logger,
// takes the models of [NamedModels], the observers of [AsNamedObserver] and [AsObserverOfEach],
// and the revisions of migrate.Named; the
// [TableManager] is the one that all databases share. Everything else is as
// with Module: it has its own pool and its own hooks, and the start does what
// Config.Schema says.
//
// If all settings equal the main database's, they are refused: then a variable was
// not set, and the reader fell back to the main database's variable.
//
// A transaction belongs to one database: no unit of work spans two of them.
func Named(name string) fx.Option {
	tag := nameTag(name)
	return fx.Module("dbmodule."+name, fx.Provide(fx.Annotate(
		func(cfg, main Config, log *zap.Logger, lc fx.Lifecycle, models []any, observers []Observer, makers []ObserverOf, tables TableManager, migrator Migrator, shutdowner fx.Shutdowner) (*Database, *bun.DB, *SessionFactory, NamedDatabase, error) {
			if cfg.isCopyOf(main) {
				return nil, nil, nil, NamedDatabase{}, fmt.Errorf("dbmodule: database %s: its settings are all those of the main database: set %sDATABASE_URL, and read the settings by Config.Named", name, NamedPrefix(name))
			}
			each, err := observersFor(name, makers)
			if err != nil {
				return nil, nil, nil, NamedDatabase{}, fmt.Errorf("database %s: %w", name, err)
			}
			r, err := New(Params{
				Config: cfg, Log: log.Named(name), Lifecycle: lc,
				Models: models, Observers: append(observers, each...), Tables: tables, Migrator: migrator, Shutdowner: shutdowner,
			})
			if err != nil {
				return nil, nil, nil, NamedDatabase{}, fmt.Errorf("database %s: %w", name, err)
			}
			return r.Database, r.DB, r.Sessions, NamedDatabase{name, r.Database}, nil
		},
		fx.ParamTags(tag, optional, "", "", modelsOf(name), observersOf(name), observersOfEach, optional, tag+" "+optional, optional),
		fx.ResultTags(tag, tag, tag, `group:"dbmodule.databases"`),
	)))
}

// NamedDatabase is a database of [Named] with its name. fx's group "dbmodule.databases" has
// all of them in an application, for code that checks each one, such as /ready.
type NamedDatabase struct {
	Name     string
	Database *Database
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

// Named returns the settings of the database of this name, which [Named] adds.
// lookup finds variables, as os.LookupEnv does. Each variable begins with the name
// in capitals: ARCHIVE_DATABASE_URL, ARCHIVE_DATABASE_ECHO. Characters of the name
// that are no letters or digits become "_".
//
// ARCHIVE_DATABASE_URL must be set. The settings that say which database it is and
// how to log in (the URL, the replicas' URLs, the three sources of a password) are
// never taken from c. Every other setting is taken from c unless it has a variable. A
// reader that falls back to the names without the prefix, as envconfig does, would
// use the main database where a variable is missing.
//
// The error names every variable that is missing or can't be used, without
// values that may be secrets.
func (c Config) Named(name string, lookup func(variable string) (value string, ok bool)) (Config, error) {
	named := c
	named.URL, named.ReplicaURLs, named.PasswordFile, named.PasswordCommand, named.Password = URL{}, nil, "", "", nil
	var errs []error
	fields := reflect.ValueOf(&named).Elem()
	for i := range fields.NumField() {
		tag, ok := fields.Type().Field(i).Tag.Lookup("envconfig")
		if !ok {
			continue
		}
		variable := NamedPrefix(name) + tag
		value, ok := lookup(variable)
		if !ok {
			continue
		}
		if err := setField(fields.Field(i).Addr().Interface(), value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", variable, err))
		}
	}
	if value, _ := lookup(NamedPrefix(name) + "DATABASE_URL"); value == "" {
		errs = append(errs, fmt.Errorf("%sDATABASE_URL is not set: it says which database %s is", NamedPrefix(name), name))
	}
	if len(errs) > 0 {
		return Config{}, fmt.Errorf("dbmodule: settings of database %s: %w", name, errors.Join(errs...))
	}
	return named, nil
}

// NamedPrefix is what the variables of a named database begin with, such as ARCHIVE_ for
// archive: see [Config.Named].
func NamedPrefix(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(name)) + "_"
}

// setField sets a setting as envconfig does.
func setField(field any, value string) (err error) {
	bad := func(takes string) error { return errors.New("takes " + takes) } // the value may be a secret
	switch field := field.(type) {
	case encoding.TextUnmarshaler:
		return field.UnmarshalText([]byte(value))
	case *string:
		*field = value
	case *time.Duration:
		if *field, err = time.ParseDuration(value); err != nil {
			return bad("a duration, for example 10s")
		}
	case *bool:
		if *field, err = strconv.ParseBool(value); err != nil {
			return bad("true or false")
		}
	case *int:
		if *field, err = strconv.Atoi(value); err != nil {
			return bad("a whole number")
		}
	default:
		return fmt.Errorf("no variable can set a %T", field)
	}
	return nil
}

// isCopyOf says that every setting is the other's. Two databases in memory are
// two, whatever their settings.
func (c Config) isCopyOf(other Config) bool {
	return !c.URL.IsZero() && !c.URL.Memory() && reflect.DeepEqual(c, other)
}
