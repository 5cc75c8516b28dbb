package dbmodule

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

func openPostgreSQL(cfg Config, with shared) (pools, error) {
	config, err := pgxConfig(cfg.URL, cfg.ConnectTimeout)
	if err != nil {
		return pools{}, err
	}
	prepare := cfg.applyPgxPassword
	if cfg.URL.PostgreSQL().LoadBalance {
		prepare = func(ctx context.Context, config *pgx.ConnConfig) error {
			shuffleHosts(config)
			return cfg.applyPgxPassword(ctx, config)
		}
	}
	settings := cfg.connSettings(with, postgres.Judge, postgres.Opener(postgres.Settings{
		Config: *config, Prepare: prepare, Pipelined: cfg.URL.StatementCache(cfg.StatementCache) > 0,
	}))
	if len(cfg.URL.Hosts()) > 1 {
		settings.ConnectTimeout *= time.Duration(1 + len(config.Fallbacks)) // the others get their time too
	}
	p := newPools(sqlconn.NewConnector(settings), limitsOf(cfg), pgdialect.New())
	p.replication = postgres.Replication{}
	return p, nil
}
