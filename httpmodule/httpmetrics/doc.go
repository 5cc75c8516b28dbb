// Package httpmetrics has Prometheus metrics of an httpmodule.Server's requests
// and of the process, and the route that serves them and all others of the
// application: /metrics.
package httpmetrics
