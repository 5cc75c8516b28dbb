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

// killTimeout limits the use of the side connection that sends KILL.
const killTimeout = 5 * time.Second

// killer sends KILL for statements whose callers went away. The driver only closes the
// connection. The server notices that when it sends the answer: until then it goes on, and
// holds its locks. killer opens at most one side connection at a time.
type killer struct {
	open func(context.Context) (driver.Conn, error)

	mu      sync.Mutex
	victims []thread
	// busy is set while a goroutine kills victims; idle is signalled when it has ended.
	busy bool
	idle *sync.Cond
}

// thread is a connection as the server knows it. server identifies the server: behind a proxy
// the side connection may lead to another one, where the number is another client's.
type thread struct {
	id     int64
	server string
}

func newKiller(open func(context.Context) (driver.Conn, error)) *killer {
	k := &killer{open: open}
	k.idle = sync.NewCond(&k.mu)
	return k
}

// threadOf returns the thread of a new connection. It is nil if the server or a proxy refuses
// the question: then the connection's statements can't be killed.
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

// kill sends KILL for a connection in the background, and returns at once.
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

// work kills victims until none is left.
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
		// An error is ignored: the server ends the statements later by itself.
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
		// Numbers grow until the server restarts. A number above this connection's is from
		// before a restart, and may now be another client's.
		if victim.server != self.server || victim.id >= self.id {
			continue
		}
		// The number may be gone already.
		_, killErr := execer.ExecContext(ctx, fmt.Sprintf("KILL %d", victim.id), nil)
		err = errors.Join(err, killErr)
	}
	return err
}

// wait returns when no kill is in progress. Others may call kill meanwhile, which a WaitGroup
// does not allow.
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

// readRow runs a query for one row, and returns its columns as text.
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
