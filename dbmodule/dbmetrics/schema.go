package dbmetrics

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhands-go/server/dbmodule"
)

const (
	// schemaMaxAge is how long a state of the schema is reused: scrapes must not keep the database
	// busy.
	schemaMaxAge = 5 * time.Second
	// schemaTimeout limits one read. It is well below the usual time limit of a scrape, 10s.
	schemaTimeout = 2 * time.Second
)

var (
	schemaState = prometheus.NewDesc("db_schema_state",
		"1 for the states that the schema is in: current, behind, ahead, dirty (a revision is half done), missing (tables are), unreadable.",
		[]string{"state"}, nil)
	schemaRevision = prometheus.NewDesc("db_schema_revision_info",
		"The revisions in the version table, one series each.", []string{"revision"}, nil)
)

// schema reads the state of the schema at a scrape.
type schema struct {
	database *dbmodule.Database
	// base is the parent of the context of each read, because a scrape has no context.
	base context.Context

	mu    sync.Mutex
	read  time.Time
	state dbmodule.SchemaState
	err   error
}

// Describe lists the metrics.
func (s *schema) Describe(out chan<- *prometheus.Desc) {
	out <- schemaState
	out <- schemaRevision
}

// Collect reads the state and sends the metrics.
func (s *schema) Collect(out chan<- prometheus.Metric) {
	state, err := s.cachedState()
	for name, holds := range states(state, err) {
		value := 0.0
		if holds {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(schemaState, prometheus.GaugeValue, value, name)
	}
	if err != nil || state.Revisions == nil {
		return
	}
	for _, revision := range state.Revisions.Current {
		out <- prometheus.MustNewConstMetric(schemaRevision, prometheus.GaugeValue, 1, revision)
	}
}

// cachedState returns the state of the schema. It reads the state if the last read is older than
// schemaMaxAge.
func (s *schema) cachedState() (dbmodule.SchemaState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read.IsZero() || time.Since(s.read) >= schemaMaxAge {
		ctx, cancel := context.WithTimeout(s.base, schemaTimeout)
		defer cancel()
		s.state, s.err = s.database.SchemaState(ctx)
		s.read = time.Now()
	}
	return s.state, s.err
}

// states returns for each state whether the schema is in it. A schema may be in several states.
func states(state dbmodule.SchemaState, err error) map[string]bool {
	all := map[string]bool{
		"current": false, "behind": false, "ahead": false, "dirty": false, "missing": false, "unreadable": err != nil,
	}
	if err != nil {
		return all
	}
	all["current"], all["missing"] = state.Ready, len(state.Missing) > 0
	if r := state.Revisions; r != nil {
		all["behind"], all["dirty"] = r.Behind(), len(r.Dirty) > 0
		all["ahead"] = len(r.Ahead) > 0 || len(r.Unknown) > 0
	}
	return all
}
