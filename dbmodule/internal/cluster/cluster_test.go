package cluster_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// servers stand in for a primary and its replicas: they answer what a test set.
type servers struct {
	mu       sync.Mutex
	primary  engine.PrimaryAnswer
	replicas map[string]engine.ReplicaAnswer // by host
	down     map[string]bool
	written  engine.Position
	asked    map[string]int
	closed   map[string]bool
	hosts    map[engine.Queryer]string
}

func newServers() *servers {
	return &servers{
		primary: engine.PrimaryAnswer{At: engine.Position{0: 100}}, replicas: map[string]engine.ReplicaAnswer{},
		down: map[string]bool{}, asked: map[string]int{}, closed: map[string]bool{}, hosts: map[engine.Queryer]string{},
	}
}

var errDown = errors.New("connection refused")

// reach notes that a server is asked.
func (s *servers) reach(ctx context.Context, server engine.Queryer) (host string, err error) {
	host = s.hosts[server]
	if host == "" {
		host = "primary" // through a pool of the program
	}
	s.asked[host]++
	if s.closed[host] {
		return host, sql.ErrConnDone
	}
	if s.down[host] {
		return host, errDown
	}
	return host, ctx.Err()
}

func (s *servers) Primary(ctx context.Context, server engine.Queryer) (engine.PrimaryAnswer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.reach(ctx, server)
	return s.primary, err
}

func (s *servers) Replica(ctx context.Context, server engine.Queryer) (engine.ReplicaAnswer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host, err := s.reach(ctx, server)
	return s.replicas[host], err
}

func (s *servers) Written(ctx context.Context, conn engine.Queryer) (engine.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.reach(ctx, conn)
	return s.written, err
}

// set changes the answers.
func (s *servers) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *servers) timesAsked(host string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[host]
}

// at makes a replica answer that it has come to a position.
func (s *servers) at(host string, number uint64) {
	s.set(func() {
		s.replicas[host] = engine.ReplicaAnswer{At: engine.Position{0: number}, Lag: engine.UnknownLag}
	})
}

func (s *servers) primaryAt(number uint64) {
	s.set(func() { s.primary.At = engine.Position{0: number} })
}

// noConnection makes a *sql.DB that never connects.
type noConnection struct{}

func (noConnection) Connect(context.Context) (driver.Conn, error) { return nil, errDown }
func (noConnection) Driver() driver.Driver                        { return nil }

func (s *servers) open(u dburl.URL) (cluster.Probe, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	host, db := u.Hosts()[0].Name, sql.OpenDB(noConnection{})
	s.hosts[db] = host
	return cluster.Probe{DB: db, CloseIdle: func() error { return nil }, Close: func() error {
		s.set(func() { s.closed[host] = true })
		return db.Close()
	}}, nil
}

func parse(t *testing.T, text string) (u dburl.URL) {
	t.Helper()
	require.NoError(t, u.UnmarshalText([]byte(text)))
	return u
}

// open makes a cluster of a primary and replicas a, b and so on. No check has run.
func (s *servers) cluster(t *testing.T, replicas int, configure ...func(*cluster.Settings)) (*cluster.Cluster, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	settings := cluster.Settings{
		Primary: parse(t, "postgresql://primary/x"), Replication: s, Open: s.open,
		MaxLag: 10 * time.Second, Interval: time.Second, Log: zap.New(core),
	}
	for i := range replicas {
		settings.Replicas = append(settings.Replicas, parse(t, fmt.Sprintf("postgresql://user:secret@%c/x", 'a'+i)))
	}
	for _, change := range configure {
		change(&settings)
	}
	c, err := cluster.New(settings)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, logs
}

func maxLag(limit time.Duration) func(*cluster.Settings) {
	return func(s *cluster.Settings) { s.MaxLag = limit }
}

// hanging are servers of which one does not answer.
type hanging struct {
	*servers
	host string
}

func (h hanging) Replica(ctx context.Context, server engine.Queryer) (engine.ReplicaAnswer, error) {
	h.mu.Lock()
	host := h.hosts[server]
	h.mu.Unlock()
	if host == h.host {
		<-ctx.Done()
		return engine.ReplicaAnswer{}, ctx.Err()
	}
	return h.servers.Replica(ctx, server)
}
