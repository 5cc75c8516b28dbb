package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// killTimeout bounds the side connection that ends abandoned statements.
const killTimeout = 5 * time.Second

// killer ends statements on a MySQL or MariaDB server whose callers went away.
// The driver then only closes the connection, which the server notices when it
// wants to answer: until that it computes, with its rows locked. One side
// connection at a time is opened for all that there is to end.
type killer struct {
	open func(context.Context) (driver.Conn, error)

	mu      sync.Mutex
	victims []thread
	// busy is set while a goroutine ends victims; idle tells that it is not any more.
	busy bool
	idle *sync.Cond
}

// thread is a connection as the server knows it. Behind a proxy the side
// connection may lead to another server, on which the number is somebody
// else's.
type thread struct {
	id     int64
	server string
}

func newKiller(open func(context.Context) (driver.Conn, error)) *killer {
	k := &killer{open: open}
	k.idle = sync.NewCond(&k.mu)
	return k
}

// threadOf asks a new connection for its number. It is nil for a server or proxy
// that does not tell: there is nothing to end by then.
func (k *killer) threadOf(ctx context.Context, inner driver.Conn) (*thread, error) {
	found, err := readThread(ctx, inner)
	if refused := (*mysql.MySQLError)(nil); errors.As(err, &refused) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &found, nil
}

// kill returns at once.
func (k *killer) kill(ctx context.Context, victim thread) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.victims = append(k.victims, victim)
	if k.busy {
		return
	}
	k.busy = true
	ctx = context.WithoutCancel(ctx) // it has ended
	go k.work(ctx)
}

// work ends what is to be ended until nothing is left.
func (k *killer) work(ctx context.Context) {
	for {
		k.mu.Lock()
		victims := k.victims
		k.victims = nil
		if k.busy = len(victims) > 0; !k.busy {
			k.idle.Broadcast()
		}
		k.mu.Unlock()
		if len(victims) == 0 {
			return
		}
		// Best effort: the server ends them later by itself, and when it can't
		// be reached it has other troubles.
		_ = k.killAll(ctx, victims)
	}
}

func (k *killer) killAll(ctx context.Context, victims []thread) (err error) {
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	side, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, side.Close()) }()
	self, err := readThread(ctx, side)
	if err != nil {
		return err
	}
	execer, ok := side.(driver.ExecerContext)
	if !ok {
		return errors.New("dbmodule: end statement: the driver takes no context")
	}
	for _, victim := range victims {
		// Numbers grow for as long as a server runs: a higher one than this
		// connection's is from before a restart, and may be somebody else's.
		if victim.server != self.server || victim.id >= self.id {
			continue
		}
		// The number may be gone already.
		_, killErr := execer.ExecContext(ctx, fmt.Sprintf("KILL %d", victim.id), nil)
		err = errors.Join(err, killErr)
	}
	return err
}

// wait returns when nothing is being ended any more. Others may call kill meanwhile, which
// a WaitGroup would not allow.
func (k *killer) wait() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.busy {
		k.idle.Wait()
	}
}

func readThread(ctx context.Context, conn driver.Conn) (found thread, err error) {
	row, err := readRow(ctx, conn, "SELECT CONNECTION_ID(), CONCAT(@@hostname, ':', @@port, ':', @@server_id)", 2)
	if err != nil {
		return found, err
	}
	if found.id, err = strconv.ParseInt(row[0], 10, 64); err != nil {
		return found, fmt.Errorf("dbmodule: read connection's number: %w", err)
	}
	found.server = row[1]
	return found, nil
}

// readRow runs a query that gives one row, and returns its columns as text.
func readRow(ctx context.Context, conn driver.Conn, query string, columns int) (row []string, err error) {
	queryer, ok := conn.(driver.QueryerContext)
	if !ok {
		return nil, errors.New("dbmodule: connect: the driver takes no context")
	}
	rows, err := queryer.QueryContext(ctx, query, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, columns)
	if err := rows.Next(values); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	for _, value := range values {
		if b, ok := value.([]byte); ok {
			value = string(b)
		}
		row = append(row, fmt.Sprint(value))
	}
	return row, nil
}
