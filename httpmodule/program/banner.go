package program

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// banner is what a person wants to know after a start.
type banner struct {
	program  Program
	url      string
	engine   dbmodule.Engine
	database string
	tables   int
	state    dbmodule.SchemaState
	unknown  error // why the schema's state could not be read
}

func (p Program) newBanner(ctx context.Context, server *httpmodule.Server, database *dbmodule.Database) banner {
	state, err := database.SchemaState(ctx)
	return banner{
		program:  p,
		url:      visitURL(server.Addr()),
		engine:   database.Engine(),
		database: describeURL(database.URL()),
		tables:   len(database.Models()),
		state:    state,
		unknown:  err,
	}
}

// visitURL is what to type into a browser on this machine.
func visitURL(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "http://" + address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// describeURL says where the data is: a file's full path, or the server's URL
// without its password.
func describeURL(u dbmodule.URL) string {
	switch {
	case u.Memory():
		return "in memory, gone at the end"
	case u.Path() != "":
		if path, err := filepath.Abs(u.Path()); err == nil {
			return path
		}
		return u.Path()
	default:
		return u.String()
	}
}

// revisions are those that the database is at.
func (b banner) revisions() []string {
	if b.state.Revisions == nil {
		return nil
	}
	return b.state.Revisions.Current
}

// hindering is what keeps the schema from being ready.
func (b banner) hindering() []string {
	if b.state.Ready {
		return nil
	}
	hindering, _ := b.state.Problems()
	return hindering
}

func (b banner) schema() string {
	text := "1 table"
	if b.tables != 1 {
		text = fmt.Sprintf("%d tables", b.tables)
	}
	switch hindering, current := b.hindering(), b.revisions(); {
	case b.unknown != nil:
		text += ", state unknown: " + oneLine(b.unknown.Error())
	case b.state.Revisions != nil && b.state.Revisions.Migrating:
		text += ", " + hindering[0]
	case len(hindering) > 0:
		text += ", not ready: " + strings.Join(hindering, "; ") + ": see " + b.program.Name + " db status"
	case len(current) > 0:
		text += ", at revision " + strings.Join(current, ", ")
	default:
		text += ", all there"
	}
	return text
}

// String is for terminals.
func (b banner) String() string {
	return fmt.Sprintf(`
  %s %s

  serving   %s
  docs      %s/docs
  database  %s: %s
  schema    %s

`, b.program.title(), b.program.Release(), b.url, b.url, b.engine, b.database, b.schema())
}

// fields are for logs that programs read.
func (b banner) fields() []zap.Field {
	return []zap.Field{
		zap.String("version", b.program.Release()),
		zap.String("url", b.url),
		zap.String("docs", b.url+"/docs"),
		zap.String("engine", string(b.engine)),
		zap.String("database", b.database),
		zap.Int("tables", b.tables),
		zap.Strings("revisions", b.revisions()),
		zap.Strings("hindering", b.hindering()),
		zap.Error(b.unknown),
	}
}
