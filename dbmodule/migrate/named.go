package migrate

import (
	"fmt"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// Named gives revisions to the database that dbmodule.Named adds under this
// name: it is [Module] for that database alone, with its own history. The
// *Migrator is in the graph under the name too.
func Named(name string, sources ...Source) fx.Option {
	tag := fmt.Sprintf("name:%q", name)
	return fx.Module("migrate."+name, fx.Provide(fx.Annotate(
		func(log *zap.Logger, build Build) (*Migrator, dbmodule.Migrator, error) {
			m, err := newFromGraph(params{Sources: sources, Log: log.Named(name), Build: build})
			return m, m, err
		},
		fx.ParamTags("", `optional:"true"`),
		fx.ResultTags(tag, tag),
	)))
}
