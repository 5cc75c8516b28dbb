package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Settings are what connections are made with.
type Settings struct {
	// Config are the driver's own settings. They are copied for each connection.
	Config pgx.ConnConfig
	// Prepare, if not nil, changes the copy for one connection, such as to set the
	// password that counts at the moment.
	Prepare func(ctx context.Context, config *pgx.ConnConfig) error
	// Pipelined is set when statements are prepared: BEGIN then travels with them.
	Pipelined bool
}

// Opener returns what makes connections.
func Opener(s Settings) engine.OpenFunc {
	connector := stdlib.GetConnector(s.Config, stdlib.OptionBeforeConnect(
		func(ctx context.Context, config *pgx.ConnConfig) error {
			if s.Pipelined {
				withPipeline(config)
			}
			if s.Prepare == nil {
				return nil
			}
			return s.Prepare(ctx, config)
		}))
	return func(ctx context.Context) (engine.Conn, error) {
		inner, err := connector.Connect(ctx)
		if err != nil {
			return nil, err
		}
		return newConn(inner, s.Pipelined)
	}
}
