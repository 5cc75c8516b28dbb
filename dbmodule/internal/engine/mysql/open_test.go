package mysql_test

import (
	"bytes"
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	raw := dbtest.URL(t, dburl.MySQL)
	enginetest.Opens(t, mysql.Open, raw)
	enginetest.AsksForPasswords(t, mysql.Open, raw)
}

func TestEachHostCounts(t *testing.T) {
	t.Parallel()
	opened, err := mysql.Open(engine.Target{URL: parse(t, "mysql://u:p@a,b,c/db")})
	require.NoError(t, err)
	assert.Equal(t, 3, opened.Attempts)
}

// The dialect asks nothing when it is made, writes NUL as MySQL reads it, and knows
// the server once that was asked.
func TestDialect(t *testing.T) {
	t.Parallel()
	opened, err := mysql.Open(engine.Target{URL: parse(t, dbtest.URL(t, dburl.MySQL))})
	require.NoError(t, err)
	opened.Dialect.Init(nil)
	for text, want := range map[string]string{
		"": "''", "it's": `'it''s'`, "a\x00b": `'a\0b'`, "\x00": `'\0'`, `\` + "\x00\x00'": `'\\\0\0'''`,
	} {
		assert.Equal(t, want, string(opened.Dialect.AppendString(nil, text)), "%q", text)
	}

	before := opened.Dialect.Features()
	db := dbtest.New(t, dburl.MySQL).DB().DB
	closeFunc, err := opened.Connected(t.Context(), db)
	require.NoError(t, err)
	assert.Nil(t, closeFunc, "nothing is left open")
	assert.NotEqual(t, before, opened.Dialect.Features())
}

// goneConn is a connection to a server that greets, and then is gone.
type goneConn struct {
	net.Conn
	greeting *bytes.Reader
}

func (c goneConn) Read(b []byte) (int, error) { return c.greeting.Read(b) }
func (goneConn) Write([]byte) (int, error)    { return 0, syscall.EPIPE }
func (goneConn) Close() error                 { return nil }
func (goneConn) SetDeadline(time.Time) error  { return nil }

// A server that restarts may do so while somebody logs in, who may try again.
func TestServerThatIsGoneInTheHandshake(t *testing.T) {
	t.Parallel()
	greeting := append([]byte("\x0a8.0.11\x00\x01\x00\x00\x0012345678\x00\x0f\xa2\x2d\x02\x00\x08\x00\x15"), make([]byte, 10)...)
	greeting = append(greeting, "123456789012\x00mysql_native_password\x00"...)
	packet := append([]byte{byte(len(greeting)), 0, 0, 0}, greeting...)
	c := driver.NewConfig()
	c.Addr = "nowhere:1"
	c.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		return goneConn{greeting: bytes.NewReader(packet)}, nil
	}
	hosts, err := mysql.NewHosts(0, c)
	require.NoError(t, err)
	_, err = hosts.Open(t.Context())
	require.Error(t, err)
	_, err = engine.Judge(mysql.Judge).Typed(dburl.MySQL, err)
	require.ErrorIs(t, err, dberr.ErrUnavailable)
	require.ErrorContains(t, err, "nowhere:1", "which of several servers it was")
}
