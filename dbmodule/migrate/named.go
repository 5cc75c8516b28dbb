package migrate

import (
	"fmt"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// Named adds revisions for the database that dbmodule.Named adds under this name. It
// is [Module] for that database alone, with its own history. It supplies the *Migrator
// under the same name, and as a [NamedMigrator].
func Named(name string, sources ...Source) fx.Option {
	tag := fmt.Sprintf("name:%q", name)
	return fx.Module("migrate."+name, fx.Provide(fx.Annotate(
		func(log *zap.Logger, build Build) (*Migrator, dbmodule.Migrator, NamedMigrator, error) {
			m, err := newFromGraph(params{Sources: sources, Log: log.Named(name), Build: build})
			return m, m, NamedMigrator{name, m}, err
		},
		fx.ParamTags("", `optional:"true"`),
		fx.ResultTags(tag, tag, `group:"migrate.migrators"`),
	)))
}

// NamedMigrator is a migrator of [Named] with the name of its database. fx's group
// "migrate.migrators" has all of an application's, for code that shows the history of
// each database, such as the page /status.
type NamedMigrator struct {
	Name     string
	Migrator *Migrator
}
