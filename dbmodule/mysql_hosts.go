package dbmodule

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlHosts connects to a URL's host or, of several, to one that takes
// writes: the one where that last went well before the others, in the order
// of the URL. So an old primary that comes back is not turned to while the new
// one answers.
type mysqlHosts struct {
	all []*mysqlHost
	// limit is what each of several hosts gets of the time to connect; 0 for
	// all of it.
	limit time.Duration
	last  atomic.Int64
	// made remembers where a connection leads, from open until opened.
	made sync.Map
}

type mysqlHost struct {
	open   openerFunc
	killer *killer
}

func newMySQLHosts(cfg Config) (*mysqlHosts, error) {
	m := &mysqlHosts{limit: cfg.URL.connectTimeout(cfg.ConnectTimeout)}
	for i := range cfg.URL.parts.hosts {
		config, err := cfg.URL.mysqlConfig(cfg.ConnectTimeout, i)
		if err != nil {
			return nil, err
		}
		if err := cfg.applyPassword(config); err != nil {
			return nil, fmt.Errorf("dbmodule: open %s: %w", cfg.URL, err)
		}
		inner, err := mysql.NewConnector(config)
		if err != nil {
			// The driver's text can carry the DSN, and with it the password.
			return nil, fmt.Errorf("dbmodule: open %s: the driver refused the settings", cfg.URL)
		}
		m.all = append(m.all, &mysqlHost{open: inner.Connect, killer: newKiller(inner.Connect)})
	}
	return m, nil
}

func (m *mysqlHosts) open(ctx context.Context) (driver.Conn, error) {
	if len(m.all) == 1 {
		return m.all[0].open(ctx)
	}
	var errs []error
	first := int(m.last.Load())
	for i := range m.all {
		index := (first + i) % len(m.all)
		conn, err := m.openPrimary(ctx, m.all[index])
		if err == nil {
			m.last.Store(int64(index))
			m.made.Store(conn, m.all[index])
			return conn, nil
		}
		errs = append(errs, classify(MySQL, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// openPrimary connects to a host and closes the connection again when the
// server takes no writes at present.
func (m *mysqlHosts) openPrimary(ctx context.Context, host *mysqlHost) (driver.Conn, error) {
	if m.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.limit)
		defer cancel()
	}
	conn, err := host.open(ctx)
	if err != nil {
		return nil, err
	}
	readOnly, err := readsOnly(ctx, conn)
	if err == nil && readOnly {
		err = newError(ErrUnavailable, MySQL, errors.New("the server is read-only"))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func readsOnly(ctx context.Context, conn driver.Conn) (readOnly bool, err error) {
	queryer, ok := conn.(driver.QueryerContext)
	if !ok {
		return false, errors.New("dbmodule: ask whether the server takes writes: the driver takes no context")
	}
	rows, err := queryer.QueryContext(ctx, "SELECT @@global.read_only", nil)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, 1)
	if err := rows.Next(values); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return false, err
	}
	return mysqlText(values[0]) != "0", nil
}

// opened prepares for ending what the connection leaves behind, on the host to
// which it leads.
func (m *mysqlHosts) opened(ctx context.Context, inner driver.Conn) (func(context.Context), error) {
	host := m.all[0]
	if made, ok := m.made.LoadAndDelete(inner); ok {
		if of, ok := made.(*mysqlHost); ok {
			host = of
		}
	}
	return host.killer.opened(ctx, inner)
}

func (m *mysqlHosts) wait() {
	for _, host := range m.all {
		host.killer.wait()
	}
}
