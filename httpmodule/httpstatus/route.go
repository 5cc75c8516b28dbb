package httpstatus

import (
	"context"
	"crypto/sha256"
	_ "embed" // for the page
	"encoding/base64"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/httpmodule"
)

// Routes of the page and of its data.
const (
	Path     = "/status"
	PathJSON = "/status.json"
)

//go:embed page.html
var page []byte

// contentPolicy allows the page only its own inline script and style, and requests to this server.
var contentPolicy = "default-src 'none'; connect-src 'self'; img-src data:; script-src '" + digest("script") + "'; style-src '" + digest("style") +
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// digest returns the hash of the page's only element of that name, in the form of a
// Content-Security-Policy.
func digest(element string) string {
	match := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindSubmatch(page)
	if match == nil {
		return "none"
	}
	sum := sha256.Sum256(match[1])
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Params are the parameters of [Serve].
type Params struct {
	fx.In

	Server   *httpmodule.Server
	Database *dbmodule.Database
	// Watcher must be an observer of Database, and its Of an observer of each of Databases.
	Watcher   *Watcher
	Lifecycle fx.Lifecycle
	Migrator  *migrate.Migrator `optional:"true"`
	Info      httpmodule.Info   `optional:"true"`
	Log       *zap.Logger
	// Databases are the program's other databases. The page shows the history of those that have
	// a migrator.
	Databases []dbmodule.NamedDatabase `group:"dbmodule.databases"`
	Migrators []migrate.NamedMigrator  `group:"migrate.migrators"`
	// Findings are called when the page's data is read.
	Findings []Finding `group:"httpstatus.findings"`
}

// Finding is a check that a program adds to the page. It returns a sentence about a problem, or "".
// It is called at most every few seconds, and must return when ctx ends. Its error is logged.
type Finding func(ctx context.Context) (string, error)

// AsFinding adds the [Finding] that a constructor returns to the page.
func AsFinding(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"httpstatus.findings"`)))
}

// Serve adds the page to the graph's server. From the application's start to its stop it takes a
// [Sample] every five seconds.
func Serve(p Params) {
	r := &reporter{findings: p.Findings, watcher: p.Watcher, databases: p.databaseStates(), info: p.Info, log: p.Log, started: time.Now()}
	tables := make(map[string]migrate.VersionTable)
	for _, one := range r.databases {
		if one.migrator != nil {
			tables[one.name] = one.migrator.VersionTable()
		}
	}
	p.Watcher.setVersionTables(tables)
	p.Server.Instrument(httpmodule.Instrument{Middleware: p.Watcher.middleware(p.Server.IsProbe)})
	p.Server.Probe(Path, PathJSON)
	p.Server.Open(http.MethodGet, Path)
	p.Server.Echo().GET(Path, func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", contentPolicy)
		return c.HTMLBlob(http.StatusOK, page)
	})
	p.Server.Echo().GET(PathJSON, func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		return c.JSON(http.StatusOK, r.report(c.Request().Context()))
	})

	stop, stopped := make(chan struct{}), make(chan struct{})
	p.Lifecycle.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(stopped)
				r.follow(stop)
			}()
			return nil
		},
		OnStop: func(context.Context) error {
			close(stop)
			<-stopped
			return nil
		},
	})
}

// databaseStates returns the server's own database and then the others, by name.
func (p Params) databaseStates() []*databaseState {
	states := []*databaseState{newDatabaseState("", p.Database, p.Migrator, p.Log)}
	for _, one := range p.Databases {
		var migrator *migrate.Migrator
		for _, named := range p.Migrators {
			if named.Name == one.Name {
				migrator = named.Migrator
			}
		}
		states = append(states, newDatabaseState(one.Name, one.Database, migrator, p.Log))
	}
	slices.SortFunc(states, func(a, b *databaseState) int { return strings.Compare(a.name, b.name) }) // fx provides value groups in random order
	return states
}

// Module adds the page about the graph's databases to the graph's server.
var Module = fx.Module("httpstatus",
	fx.Provide(NewWatcher),
	dbmodule.AsObserverOfEach(func(w *Watcher) dbmodule.ObserverOf {
		return func(database string) (dbmodule.Observer, error) { return w.Of(database), nil }
	}),
	fx.Invoke(Serve),
)
