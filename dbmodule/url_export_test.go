package dbmodule

import (
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
)

// SQLiteSettings is sqliteOptions with its fields open to the external tests.
type SQLiteSettings struct {
	Path        string
	Memory      bool
	Synchronous string
	BusyTimeout time.Duration
	ReadOnly    bool
}

func (u URL) SQLiteSettings() SQLiteSettings {
	o := u.sqliteOptions()
	return SQLiteSettings{o.path, o.memory, o.synchronous, o.busyTimeout, o.readOnly}
}

func (u URL) PgxConfig() (*pgx.ConnConfig, error) { return u.pgxConfig(defaultConnectTimeout) }
func (u URL) MySQLConfig() (*mysql.Config, error) { return u.mysqlConfig(defaultConnectTimeout, 0) }

func (u URL) Secrets() (user, password string)            { return u.parts.user, u.parts.password.reveal() }
func CutUserinfo(s string) (string, string, bool, string) { return cutUserinfo(s) }
