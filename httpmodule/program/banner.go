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

// banner is the text that serve prints when it has started.
type banner struct {
	program  Program
	url      string
	engine   dbmodule.Engine
	database string
	tables   int
	state    dbmodule.SchemaState
	stateErr error // why the schema's state could not be read
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
		stateErr: err,
	}
}

// visitURL returns a URL that works in a browser on this machine.
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
		return "in memory, lost when the process ends"
	case u.Path() != "":
		if path, err := filepath.Abs(u.Path()); err == nil {
			return path
		}
		return u.Path()
	default:
		return u.String()
	}
}

// revisions returns the database's current revisions.
func (b banner) revisions() []string {
	if b.state.Revisions == nil {
		return nil
	}
	return b.state.Revisions.Current
}

// hindering returns the reasons why the schema is not ready.
func (b banner) hindering() []string {
	if b.state.Ready {
		return nil
	}
	hindering, _ := b.state.Problems()
	return hindering
}

// schema describes the schema's state in one line.
func (b banner) schema() string {
	text := "1 table"
	if b.tables != 1 {
		text = fmt.Sprintf("%d tables", b.tables)
	}
	switch hindering, current := b.hindering(), b.revisions(); {
	case b.stateErr != nil:
		text += ", state unknown: " + oneLine(b.stateErr.Error())
	case b.state.Revisions != nil && b.state.Revisions.Migrating:
		text += ", " + hindering[0]
	case len(hindering) > 0:
		text += ", not ready: " + strings.Join(hindering, "; ") + ": see " + b.program.Name + " db status"
	case len(current) > 0:
		text += ", at revision " + strings.Join(current, ", ")
	default:
		text += ", complete"
	}
	return text
}

// String returns the banner for a terminal.
func (b banner) String() string {
	return fmt.Sprintf(`
  %s %s

  serving   %s
  docs      %s/docs
  database  %s: %s
  schema    %s

`, b.program.title(), b.program.Release(), b.url, b.url, b.engine, b.database, b.schema())
}

// fields returns the banner as log fields.
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
		zap.Error(b.stateErr),
	}
}
