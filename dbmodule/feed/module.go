package feed

import (
	"context"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// Module supplies a *[Feed] of the application's database, which runs while the application
// does. It takes a [Config] if there is one, and the topics of [AsTopic].
var Module = fx.Module("feed", fx.Provide(newFeed))

// AsTopic adds the topic that a constructor returns to the feed. The constructor may take
// anything from the graph and returns a [Topic], or a Topic and an error.
func AsTopic(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"feed.topics"`)))
}

type params struct {
	fx.In

	Config    Config `optional:"true"`
	Log       *zap.Logger
	Database  *dbmodule.Database
	Topics    []Topic `group:"feed.topics"`
	Lifecycle fx.Lifecycle
}

func newFeed(p params) (*Feed, error) {
	f, err := New(p.Config, p.Log, p.Database, p.Topics...)
	if err != nil {
		return nil, err
	}
	p.Lifecycle.Append(fx.Hook{OnStart: f.Start, OnStop: func(context.Context) error { return f.Close() }})
	return f, nil
}
