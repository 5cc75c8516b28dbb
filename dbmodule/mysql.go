package dbmodule

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/sqlconn"
)

func openMySQL(cfg Config, with shared) (pools, error) {
	var configs []*driver.Config
	for _, host := range cfg.URL.Hosts() {
		config, err := mysqlConfig(cfg.URL, cfg.ConnectTimeout, host)
		if err != nil {
			return pools{}, err
		}
		if err := cfg.applyPassword(config); err != nil {
			return pools{}, fmt.Errorf("dbmodule: open %s: %w", cfg.URL, err)
		}
		configs = append(configs, config)
	}
	hosts, err := mysql.NewHosts(cfg.URL.ConnectTimeout(cfg.ConnectTimeout), configs...)
	if err != nil {
		return pools{}, fmt.Errorf("dbmodule: open %s: %w", cfg.URL, err)
	}
	settings := cfg.connSettings(with, mysql.Judge, hosts.Open)
	settings.ConnectTimeout *= time.Duration(len(configs)) // the others get their time too

	// Without a location Bun writes a time's wall clock in whatever zone it has.
	dialect := &lateMySQLDialect{Dialect: mysqldialect.New(mysqldialect.WithTimeLocation("UTC"))}
	p := newPools(sqlconn.NewConnector(settings), limitsOf(cfg), dialect)
	p.replication, p.closing = new(mysql.Replication), hosts.Wait
	p.connected = func(ctx context.Context) (func() error, error) { return nil, dialect.discover(ctx, p.db) }
	return p, nil
}

// lateMySQLDialect asks the server for its version when it is connected.
// Bun's own dialect asks inside bun.NewDB: a constructor that does I/O, and
// whose failure leaves the features wrong for the life of the process.
type lateMySQLDialect struct{ *mysqldialect.Dialect }

// Init does nothing; discover runs the dialect's own once the server answers.
func (*lateMySQLDialect) Init(*sql.DB) {}

// AppendString writes a NUL as MySQL's \0 escape; Bun's dialect drops it.
func (d *lateMySQLDialect) AppendString(b []byte, s string) []byte {
	if strings.IndexByte(s, 0) < 0 {
		return d.Dialect.AppendString(b, s)
	}
	b = append(b, '\'')
	for i, part := range strings.Split(s, "\x00") {
		if i > 0 {
			b = append(b, '\\', '0')
		}
		quoted := d.Dialect.AppendString(nil, part)
		b = append(b, quoted[1:len(quoted)-1]...)
	}
	return append(b, '\'')
}

func (d *lateMySQLDialect) discover(ctx context.Context, db *sql.DB) error {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil {
		return fmt.Errorf("read the server's version: %w", err)
	}
	d.Dialect.Init(db)
	return nil
}
