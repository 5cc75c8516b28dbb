// Package shop is a bookshop: its models, routes and background job.
package shop

import (
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/examples/bookshop/migrations"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// Reports is the name of the second database, which holds what was sold. Its
// tables are created at the start; the first one has revisions.
const Reports = "reports"

// Module is the shop without its settings. It needs dbmodule.Module and
// httpmodule.Module, and a dbmodule.Config for [Reports].
var Module = fx.Module("shop",
	autogen.Module,
	migrate.Module, migrate.Revisions(migrations.Source()),
	dbmodule.Models(Models()...),
	dbmodule.Named(Reports), dbmodule.NamedModels(Reports, ReportModels()...),
	feed.Module, feed.AsTopic(OrderTopic), feed.AsTopic(StockTopic), httpstream.Module,
	fx.Provide(NewBooks, NewOrders, NewReporter),
	httpmodule.AsRoutes(BookRoutes), httpmodule.AsRoutes(OrderRoutes), httpmodule.AsRoutes(SaleRoutes), httpmodule.AsRoutes(StockRoutes),
	fx.Supply(httpmodule.Info{Title: "Bookshop", Version: "1.0.0"}),
	fx.Invoke(runReporter),
)
