package httpmetrics

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhands-go/server/httpmodule"
)

// buckets are those that OpenTelemetry advises for requests, in seconds.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// Requests counts a server's requests. It is safe for concurrent use. Make it
// with [NewRequests].
type Requests struct {
	duration *prometheus.HistogramVec
	size     *prometheus.CounterVec
	active   *prometheus.GaugeVec
}

// NewRequests makes the metrics and registers them. Requests are told apart by
// method, route and class of status; the route is a template such as
// /books/:id, or empty when there is none, so that what clients ask for can't
// add series.
func NewRequests(registerer prometheus.Registerer) (*Requests, error) {
	r := &Requests{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "http_server_request_duration_seconds",
			Help:    "How long requests took, by method, route and class of status.",
			Buckets: buckets,
		}, []string{"http_request_method", "http_route", "status_class"}),
		size: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_server_response_body_bytes_total",
			Help: "Bytes in bodies of responses, by method and route.",
		}, []string{"http_request_method", "http_route"}),
		active: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "http_server_active_requests",
			Help: "Requests that are being answered, by method.",
		}, []string{"http_request_method"}),
	}
	r.active.WithLabelValues(http.MethodGet) // so that there is something to see
	for _, c := range []prometheus.Collector{r.duration, r.size, r.active} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("httpmetrics: register: %w", err)
		}
	}
	return r, nil
}

// Instrument returns what counts the requests of a server: give it to
// [httpmodule.Server.Instrument].
func (r *Requests) Instrument() httpmodule.Instrument {
	return httpmodule.Instrument{Middleware: r.middleware}
}

func (r *Requests) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := time.Now()
		method := methodOf(c.Request().Method)
		active := r.active.WithLabelValues(method)
		active.Inc()
		// In a defer: a handler may abort the connection by a panic.
		defer func() {
			active.Dec()
			route := c.Path()
			r.duration.WithLabelValues(method, route, classOf(c.Response().Status)).Observe(time.Since(began).Seconds())
			r.size.WithLabelValues(method, route).Add(float64(c.Response().Size))
		}()
		return next(c)
	}
}

// methodOf returns the method, _OTHER for what HTTP does not know: clients may
// send any word.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return "_OTHER"
}

// classOf returns 2xx for 204 and so on.
func classOf(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return strconv.Itoa(status/100) + "xx"
}
