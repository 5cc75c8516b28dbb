package dbmetrics

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhands-go/server/dbmodule"
)

// storageMaxAge is how long a size from a server is reused: to compute it, the server examines each
// of its files.
const storageMaxAge = time.Minute

var (
	storageBytes = prometheus.NewDesc("db_storage_bytes",
		"Bytes that the database takes, indexes included, as its engine tells them; of SQLite, the file.", nil, nil)
	storageLog = prometheus.NewDesc("db_storage_wal_bytes",
		"Bytes of SQLite's write-ahead log, which a checkpoint makes reusable.", nil, nil)
)

// sizeQueries return the size of the current database in bytes.
var sizeQueries = map[dbmodule.Engine]string{
	dbmodule.PostgreSQL: "SELECT pg_database_size(current_database())",
	dbmodule.MySQL: `SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED)
		FROM information_schema.tables WHERE table_schema = DATABASE()`,
}

// storage reads the size of the database at a scrape. It sends no metric for a size that it can't
// read.
type storage struct {
	database *dbmodule.Database
	// base is the parent of the context of each read, because a scrape has no context.
	base context.Context

	mu   sync.Mutex
	read time.Time
	size int64
	err  error
}

// Describe lists the metrics.
func (s *storage) Describe(out chan<- *prometheus.Desc) {
	out <- storageBytes
	out <- storageLog
}

// Collect reads the sizes and sends the metrics.
func (s *storage) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value int64, err error) {
		if err == nil {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value))
		}
	}
	if s.database.Engine() != dbmodule.SQLite {
		size, err := s.cachedSize()
		gauge(storageBytes, size, err)
		return
	}
	if s.database.URL().Memory() {
		return // it has no file
	}
	path := s.database.URL().Path()
	size, err := sizeOf(path)
	gauge(storageBytes, size, err)
	size, err = sizeOf(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // SQLite makes its log when it needs one
	}
	gauge(storageLog, size, err)
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// cachedSize returns the size from the server. It asks the server if the last answer is older than
// storageMaxAge.
func (s *storage) cachedSize() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read.IsZero() || time.Since(s.read) >= storageMaxAge {
		ctx, cancel := context.WithTimeout(dbmodule.Unobserved(s.base), schemaTimeout)
		defer cancel()
		session := s.database.Sessions().New(dbmodule.ReadOnly())
		err := session.NewRaw(sizeQueries[s.database.Engine()]).Scan(ctx, &s.size)
		s.err = errors.Join(err, session.Close())
		s.read = time.Now()
	}
	return s.size, s.err
}
