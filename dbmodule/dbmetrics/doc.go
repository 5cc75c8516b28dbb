// Package dbmetrics has Prometheus metrics of a dbmodule.Database: connections,
// waits, statements, transactions, retries, the schema's state and sizes. A metric has
// the name of OpenTelemetry's semantic conventions if they define one.
//
// Without fx:
//
//	metrics, err := dbmetrics.New(registry)
//	db, err := dbmodule.Open(cfg, log, dbmodule.WithObserver(metrics))
//	err = metrics.Watch(ctx, db)
package dbmetrics
