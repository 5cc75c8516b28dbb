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

// buckets are OpenTelemetry's recommended buckets for request durations, in seconds.
var buckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// Requests counts a server's requests. It is safe for concurrent use. Make it
// with [NewRequests].
type Requests struct {
	duration *prometheus.HistogramVec
	size     *prometheus.CounterVec
	active   *prometheus.GaugeVec
}

// NewRequests makes the metrics and registers them. Their labels are the method, the route and the
// class of the status. The route is a template such as /books/:id, or empty if none matches: so a
// client's path can't add series.
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
	r.active.WithLabelValues(http.MethodGet) // so that the metric is exported before the first request
	for _, c := range []prometheus.Collector{r.duration, r.size, r.active} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("httpmetrics: register: %w", err)
		}
	}
	return r, nil
}

// Instrument returns the instrument that counts a server's requests: pass it to
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
		// Deferred, because a handler may panic with http.ErrAbortHandler.
		defer func() {
			active.Dec()
			route := c.Path()
			r.duration.WithLabelValues(method, route, classOf(c.Response().Status)).Observe(time.Since(began).Seconds())
			r.size.WithLabelValues(method, route).Add(float64(c.Response().Size))
		}()
		return next(c)
	}
}

// methodOf returns the method, or _OTHER for a method that HTTP does not define: clients may send
// any word.
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
