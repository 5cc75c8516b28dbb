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

// Where the page and its data are.
const (
	Path     = "/status"
	PathJSON = "/status.json"
)

//go:embed page.html
var page []byte

// contentPolicy allows the page its own script and style and asking this
// server, nothing else.
var contentPolicy = "default-src 'none'; connect-src 'self'; img-src data:; script-src '" + digest("script") + "'; style-src '" + digest("style") +
	"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// digest is the hash of the page's only element of that name, as a policy names
// it.
func digest(element string) string {
	match := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindSubmatch(page)
	if match == nil {
		return "none"
	}
	sum := sha256.Sum256(match[1])
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Params is what [Serve] takes.
type Params struct {
	fx.In

	Server   *httpmodule.Server
	Database *dbmodule.Database
	// Watcher is one of the database's observers, and its Of observes each one of Databases.
	Watcher   *Watcher
	Lifecycle fx.Lifecycle
	Migrator  *migrate.Migrator `optional:"true"`
	Info      httpmodule.Info   `optional:"true"`
	Log       *zap.Logger
	// Databases are shown besides, with the history of those that have one of Migrators.
	Databases []dbmodule.NamedDatabase `group:"dbmodule.databases"`
	Migrators []migrate.NamedMigrator  `group:"migrate.migrators"`
	// Findings are asked when the page's data is read.
	Findings []Finding `group:"httpstatus.findings"`
}

// Finding is something else that a program wants to see on the page: a sentence that says
// why not all is well, "" if it is. It is called every few seconds at most and must end
// with ctx. What goes wrong in it is logged.
type Finding func(ctx context.Context) (string, error)

// AsFinding adds what a constructor returns, a [Finding], to the page's.
func AsFinding(constructor any) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(`group:"httpstatus.findings"`)))
}

// Serve adds the page to the graph's server. From start to stop it looks at the
// pools every five seconds.
func Serve(p Params) {
	r := &reporter{findings: p.Findings, watcher: p.Watcher, databases: p.looks(), info: p.Info, log: p.Log, started: time.Now()}
	tables := make(map[string]migrate.VersionTable)
	for _, one := range r.databases {
		if one.migrator != nil {
			tables[one.name] = one.migrator.VersionTable()
		}
	}
	p.Watcher.keptIn(tables)
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

// looks are the server's own database and then the others, by name.
func (p Params) looks() []*look {
	looks := []*look{newLook("", p.Database, p.Migrator, p.Log)}
	for _, one := range p.Databases {
		var migrator *migrate.Migrator
		for _, of := range p.Migrators {
			if of.Name == one.Name {
				migrator = of.Migrator
			}
		}
		looks = append(looks, newLook(one.Name, one.Database, migrator, p.Log))
	}
	slices.SortFunc(looks, func(a, b *look) int { return strings.Compare(a.name, b.name) }) // fx gives them in any order
	return looks
}

// follow takes samples until it is told to stop.
func (r *reporter) follow(stop <-chan struct{}) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		r.sample()
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// Module adds the page to the graph's server, about the graph's databases.
var Module = fx.Module("httpstatus",
	fx.Provide(NewWatcher),
	dbmodule.AsObserverOfEach(func(w *Watcher) dbmodule.ObserverOf {
		return func(database string) (dbmodule.Observer, error) { return w.Of(database), nil }
	}),
	fx.Invoke(Serve),
)
