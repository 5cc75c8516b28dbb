// Package httpmetrics has Prometheus metrics of an httpmodule.Server's requests
// and of the process. Its route /metrics serves these and all other metrics of
// the application.
package httpmetrics
