package dbmodule

import (
	"database/sql"
	"time"

	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

func openPostgreSQL(cfg Config, tell listeners) (pools, error) {
	config, err := pgxConfig(cfg.URL, cfg.ConnectTimeout)
	if err != nil {
		return pools{}, err
	}
	inner := newConnector(cfg, tell, postgres.Judge, postgres.Opener(postgres.Settings{
		Config: *config, Prepare: cfg.applyPgxPassword, Pipelined: cfg.URL.StatementCache(cfg.StatementCache) > 0,
	}))
	if len(cfg.URL.Hosts()) > 1 {
		inner.connectTimeout *= time.Duration(1 + len(config.Fallbacks)) // the others get their time too
	}
	db := sql.OpenDB(inner)
	limitPool(db, cfg)
	return pools{writer: db, reader: db, dialect: pgdialect.New(), connector: inner}, nil
}
