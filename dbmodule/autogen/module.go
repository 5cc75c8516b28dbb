package autogen

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

// Module provides the dbmodule.TableManager with which dbmodule.Module creates
// tables.
var Module = fx.Module("autogen",
	fx.Provide(fx.Annotate(NewTables, fx.As(new(dbmodule.TableManager)))),
)
