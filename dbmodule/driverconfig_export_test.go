package dbmodule

import (
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// What the external tests of the drivers' settings look at.

func PgxConfig(u URL) (*pgx.ConnConfig, error) { return pgxConfig(u, 10*time.Second) }

func ShuffleHosts(c *pgx.ConnConfig) { shuffleHosts(c) }

func MySQLConfig(u URL) (*mysql.Config, error) {
	host := dburl.Host{}
	if hosts := u.Hosts(); hosts != nil {
		host = hosts[0]
	}
	return mysqlConfig(u, 10*time.Second, host)
}
