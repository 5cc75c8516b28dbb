package httpmetrics

import (
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/httpmodule"
)

// Path is where the metrics are served.
const Path = "/metrics"

const (
	// scrapeTimeout is below Prometheus' own 10s.
	scrapeTimeout = 8 * time.Second
	// scrapesAtOnce bounds how many are answered at the same time.
	scrapesAtOnce = 4
)

// Serve adds /metrics with what gatherer has to a server, and counts the
// server's requests with requests. Like all routes it needs the server's key if
// there is one: metrics tell routes, revisions and load. It is in no OpenAPI
// document. log may be nil.
func Serve(server *httpmodule.Server, requests *Requests, gatherer prometheus.Gatherer, log *zap.Logger) {
	if log == nil {
		log = zap.NewNop()
	}
	server.Instrument(requests.Instrument())
	server.Probe(Path)
	server.Echo().GET(Path, echo.WrapHandler(promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		// What can be told is told, whatever else is wrong.
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            scrapeLog{log},
		Timeout:             scrapeTimeout,
		MaxRequestsInFlight: scrapesAtOnce,
		EnableOpenMetrics:   true,
	})))
}

// scrapeLog is where promhttp says what it could not gather.
type scrapeLog struct{ log *zap.Logger }

// Println writes a line.
func (l scrapeLog) Println(v ...any) { l.log.Sugar().Warnln(append([]any{"metrics:"}, v...)...) }

// Module adds a *prometheus.Registry, which is the graph's Registerer and
// Gatherer too, metrics of the graph's *httpmodule.Server, and the route
// /metrics on it.
var Module = fx.Module("httpmetrics",
	fx.Provide(
		fx.Annotate(newRegistry, fx.As(fx.Self()), fx.As(new(prometheus.Registerer)), fx.As(new(prometheus.Gatherer))),
		NewRequests,
	),
	fx.Invoke(Serve),
)

type registryParams struct {
	fx.In

	Info httpmodule.Info `optional:"true"`
}

func newRegistry(p registryParams) (*prometheus.Registry, error) { return NewRegistry(p.Info) }
