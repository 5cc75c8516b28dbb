package autogen

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
)

// Module supplies the dbmodule.TableManager that dbmodule.Module creates
// tables with.
var Module = fx.Module("autogen",
	fx.Provide(fx.Annotate(NewTables, fx.As(new(dbmodule.TableManager)))),
)
