package dbmodule

import (
	"database/sql"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun/dialect/pgdialect"
)

func openPostgreSQL(cfg Config, rows rowLogFunc) (pools, error) {
	config, err := cfg.URL.pgxConfig()
	if err != nil {
		return pools{}, err
	}
	inner := stdlib.GetConnector(*config)
	db := sql.OpenDB(newConnector(cfg, rows, inner.Connect))
	limitPool(db, cfg)
	return pools{writer: db, reader: db, dialect: pgdialect.New()}, nil
}
