package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Open opens a database on a PostgreSQL server. It does no I/O but to read the files
// that the URL names.
func Open(target engine.Target) (engine.Opened, error) {
	config, err := Config(target.URL, target.ConnectTimeout)
	if err != nil {
		return engine.Opened{}, err
	}
	opened := engine.Opened{
		Judge: Judge, Dialect: pgdialect.New(), Text: sqltext.PostgreSQL, Attempts: 1, Replication: Replication{},
		Open: Opener(Settings{Config: *config, Prepare: prepare(target), Pipelined: target.Prepares}),
	}
	if len(target.URL.Hosts()) > 1 {
		opened.Attempts += len(config.Fallbacks)
	}
	return opened, nil
}

// prepare returns what changes the settings for one connection.
func prepare(target engine.Target) func(ctx context.Context, config *pgx.ConnConfig) error {
	return func(ctx context.Context, config *pgx.ConnConfig) (err error) {
		if target.URL.PostgreSQL().LoadBalance {
			shuffleHosts(config)
		}
		if target.Password != nil {
			config.Password, err = target.AskPassword(ctx, Judge)
		}
		return err
	}
}

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
