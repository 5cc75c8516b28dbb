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
	// scrapesAtOnce is how many scrapes are answered at the same time, at most.
	scrapesAtOnce = 4
)

// Serve adds the route /metrics, which serves gatherer's metrics, to a server. It also counts the
// server's requests with requests. The route needs the server's key if there is one, because the
// metrics contain routes, revisions and load. It is not in the OpenAPI document. log may be nil.
func Serve(server *httpmodule.Server, requests *Requests, gatherer prometheus.Gatherer, log *zap.Logger) {
	if log == nil {
		log = zap.NewNop()
	}
	server.Instrument(requests.Instrument())
	server.Probe(Path)
	server.Echo().GET(Path, echo.WrapHandler(promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{
		// If some metrics can't be gathered, the others are served.
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            scrapeLog{log},
		Timeout:             scrapeTimeout,
		MaxRequestsInFlight: scrapesAtOnce,
		EnableOpenMetrics:   true,
	})))
}

// scrapeLog logs promhttp's errors.
type scrapeLog struct{ log *zap.Logger }

// Println writes a line.
func (l scrapeLog) Println(v ...any) { l.log.Sugar().Warnln(append([]any{"metrics:"}, v...)...) }

// Module adds a *prometheus.Registry to the graph, also as prometheus.Registerer and Gatherer. It
// adds metrics of the graph's *httpmodule.Server and the route /metrics to it.
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
