package dbmetrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhands-go/server/dbmodule"
)

// pools reads the pools' statistics at each scrape.
type pools struct{ database *dbmodule.Database }

const poolLabel = "db_client_connection_pool_name"

var (
	connections = prometheus.NewDesc("db_client_connections",
		"Connections that are open, by pool and state.", []string{poolLabel, "db_client_connection_state"}, nil)
	connectionsMax = prometheus.NewDesc("db_client_connections_max",
		"Connections that may be open at once, by pool; 0 when there is no limit.", []string{poolLabel}, nil)
	connectionWaits = prometheus.NewDesc("db_client_connection_waits_total",
		"Waits for a connection because all were in use, by pool.", []string{poolLabel}, nil)
	connectionWaited = prometheus.NewDesc("db_client_connection_waited_seconds_total",
		"Time spent in those waits, by pool.", []string{poolLabel}, nil)
	connectionsClosed = prometheus.NewDesc("db_client_connections_closed_total",
		"Connections that the pool closed, by pool and reason: more idle than are kept, or too old.",
		[]string{poolLabel, "reason"}, nil)
)

// Describe lists the metrics.
func (p pools) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{connections, connectionsMax, connectionWaits, connectionWaited, connectionsClosed} {
		out <- desc
	}
}

// Collect reads the statistics and sends the metrics.
func (p pools) Collect(out chan<- prometheus.Metric) {
	for pool, stats := range p.database.PoolStats() {
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{string(pool)}, labels...)...)
		}
		counter := func(desc *prometheus.Desc, value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, append([]string{string(pool)}, labels...)...)
		}
		gauge(connections, float64(stats.InUse), "used")
		gauge(connections, float64(stats.Idle), "idle")
		gauge(connectionsMax, float64(stats.MaxOpenConnections))
		counter(connectionWaits, float64(stats.WaitCount))
		counter(connectionWaited, stats.WaitDuration.Seconds())
		counter(connectionsClosed, float64(stats.MaxIdleClosed), "max_idle")
		counter(connectionsClosed, float64(stats.MaxIdleTimeClosed), "max_idle_time")
		counter(connectionsClosed, float64(stats.MaxLifetimeClosed), "max_lifetime")
	}
}
