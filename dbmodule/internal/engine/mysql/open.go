package mysql

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// Open opens a database on a MySQL or MariaDB server. It does no I/O but to read the
// files that the URL names.
func Open(target engine.Target) (engine.Opened, error) {
	fail := func(err error) (engine.Opened, error) {
		return engine.Opened{}, fmt.Errorf("dbmodule: open %s: %w", target.URL, err)
	}
	var configs []*mysql.Config
	for _, host := range target.URL.Hosts() {
		config, err := Config(target.URL, target.ConnectTimeout, host)
		if err != nil {
			return engine.Opened{}, err
		}
		if err := askForPassword(config, target); err != nil {
			return fail(err)
		}
		configs = append(configs, config)
	}
	hosts, err := NewHosts(target.URL.ConnectTimeout(target.ConnectTimeout), configs...)
	if err != nil {
		return fail(err)
	}
	dialect := newLateDialect()
	return engine.Opened{
		Judge: Judge, Dialect: dialect, Text: sqltext.MySQL, Open: hosts.Open, Attempts: len(configs), Replication: new(Replication),
		Connected: func(ctx context.Context, db *sql.DB) (func() error, error) { return nil, dialect.discover(ctx, db) },
		Wait:      hosts.Wait,
	}, nil
}

// askForPassword has the driver ask for the password of each connection.
func askForPassword(config *mysql.Config, target engine.Target) error {
	if target.Password == nil {
		return nil
	}
	return config.Apply(mysql.BeforeConnect(func(ctx context.Context, config *mysql.Config) (err error) {
		config.Passwd, err = target.AskPassword(ctx, Judge)
		return err
	}))
}
