package app

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
	url      string
	engine   dbmodule.Engine
	database string
	tables   int
	created  []string
	missing  []string
	unknown  error // why the schema's state could not be read
}

func newBanner(ctx context.Context, server *httpmodule.Server, database *dbmodule.Database, created []string) banner {
	state, err := database.SchemaState(ctx)
	return banner{
		url:      visitURL(server.Addr()),
		engine:   database.Engine(),
		database: describeURL(database.URL()),
		tables:   len(database.Models()),
		created:  created,
		missing:  state.Missing,
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

func (b banner) schema() string {
	text := fmt.Sprintf("%d tables", b.tables)
	switch {
	case b.unknown != nil:
		text += ", state unknown: " + oneLine(b.unknown.Error())
	case len(b.missing) > 0:
		text += fmt.Sprintf(", %d missing (%s): run %s db create-tables", len(b.missing), strings.Join(b.missing, ", "), program)
	case len(b.created) > 0:
		text += fmt.Sprintf(", %d created now (%s)", len(b.created), strings.Join(b.created, ", "))
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

`, title, info().Version, b.url, b.url, b.engine, b.database, b.schema())
}

// fields are for logs that programs read.
func (b banner) fields() []zap.Field {
	return []zap.Field{
		zap.String("version", info().Version),
		zap.String("url", b.url),
		zap.String("docs", b.url+"/docs"),
		zap.String("engine", string(b.engine)),
		zap.String("database", b.database),
		zap.Int("tables", b.tables),
		zap.Strings("created", b.created),
		zap.Strings("missing", b.missing),
		zap.Error(b.unknown),
	}
}
