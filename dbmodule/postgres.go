package dbmodule

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/dialect/pgdialect"
)

func openPostgreSQL(cfg Config, tell listeners) (pools, error) {
	config, err := cfg.URL.pgxConfig(cfg.ConnectTimeout)
	if err != nil {
		return pools{}, err
	}
	before := func(ctx context.Context, config *pgx.ConnConfig) error {
		withPipeline(config)
		return cfg.applyPgxPassword(ctx, config)
	}
	inner := newConnector(cfg, tell, stdlib.GetConnector(*config, stdlib.OptionBeforeConnect(before)).Connect)
	if len(cfg.URL.parts.hosts) > 1 {
		inner.connectTimeout *= time.Duration(1 + len(config.Fallbacks)) // the others get their time too
	}
	db := sql.OpenDB(inner)
	limitPool(db, cfg)
	return pools{writer: db, reader: db, dialect: pgdialect.New(), connector: inner}, nil
}
