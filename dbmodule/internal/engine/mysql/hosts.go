package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Hosts connects to a server or, of several, to one that takes writes: the one
// where that last went well before the others, in the order in which they were
// given. So an old primary that comes back is not turned to while the new one
// answers. It is safe for concurrent use.
type Hosts struct {
	all []*host
	// limit is what each of several hosts gets of the time to connect; 0 for
	// all of it.
	limit time.Duration
	last  atomic.Int64
}

type host struct {
	address string // host:port, or the path of a socket
	open    func(context.Context) (driver.Conn, error)
	killer  *killer
}

// ErrSettings is returned for settings that the driver refuses. The driver's own
// text is left out: it can carry the password.
var ErrSettings = errors.New("the driver refused the settings")

// NewHosts takes the driver's settings for each host. limit bounds an attempt to
// connect to one of several hosts; 0 does not. Whoever made it calls Wait in the
// end.
func NewHosts(limit time.Duration, configs ...*mysql.Config) (*Hosts, error) {
	h := &Hosts{limit: limit}
	for _, config := range configs {
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, ErrSettings
		}
		h.all = append(h.all, &host{address: config.Addr, open: connector.Connect, killer: newKiller(connector.Connect)})
	}
	return h, nil
}

// Open makes a connection.
func (h *Hosts) Open(ctx context.Context) (engine.Conn, error) {
	if len(h.all) == 1 {
		return h.all[0].connect(ctx)
	}
	var errs []error
	first := int(h.last.Load())
	for i := range h.all {
		index := (first + i) % len(h.all)
		conn, err := h.openPrimary(ctx, h.all[index])
		if err == nil {
			h.last.Store(int64(index))
			return conn, nil
		}
		_, err = engine.Judge(Judge).Typed(dburl.MySQL, err)
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// openPrimary connects to a host and closes the connection again when the
// server takes no writes at present.
func (h *Hosts) openPrimary(ctx context.Context, of *host) (engine.Conn, error) {
	if h.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.limit)
		defer cancel()
	}
	conn, err := of.connect(ctx)
	if err != nil {
		return nil, err
	}
	row, err := readRow(ctx, conn.Driver(), "SELECT @@global.read_only", 1)
	if err == nil && row[0] != "0" {
		err = engine.Verdict{Kind: dberr.ErrUnavailable}.Error(dburl.MySQL, errors.New(of.address+": the server is read-only"))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func (of *host) connect(ctx context.Context) (engine.Conn, error) {
	inner, err := of.open(ctx)
	if err != nil {
		if err.Error() == lostInHandshake {
			err = engine.ErrConnLost
		}
		if !strings.Contains(err.Error(), of.address) {
			err = fmt.Errorf("%s: %w", of.address, err)
		}
		return nil, err
	}
	return newConn(ctx, inner, of.killer)
}

// lostInHandshake is the text of the driver's error for a server that went away while the driver
// answered its greeting. The error has no name.
const lostInHandshake = "bad connection"

// Wait returns when nothing is being ended any more that a caller left behind.
func (h *Hosts) Wait() {
	for _, of := range h.all {
		of.killer.wait()
	}
}
