package httpstream

import (
	"go.uber.org/fx"
	"go.uber.org/zap"
)

// Module provides *[Streams] to an fx application. Without a [Config] in the graph it uses
// [DefaultConfig].
var Module = fx.Module("httpstream", fx.Provide(newStreams))

type params struct {
	fx.In

	Config Config `optional:"true"`
	Log    *zap.Logger
}

func newStreams(p params) (*Streams, error) {
	if p.Config == (Config{}) {
		p.Config = DefaultConfig()
	}
	return New(p.Config, p.Log)
}
