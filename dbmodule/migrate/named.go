package migrate

import (
	"fmt"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// Named gives revisions to the database that dbmodule.Named adds under this
// name: it is [Module] for that database alone, with its own history. The
// *Migrator is in the graph under the name too, and as a [NamedMigrator].
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
// "migrate.migrators" has all of them in an application, for code that tells of each
// database's history, such as the page /status.
type NamedMigrator struct {
	Name     string
	Migrator *Migrator
}
