package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

func TestReplicasTakeTurns(t *testing.T) {
	t.Parallel()
	s := newServers()
	c, _ := s.cluster(t, 3)
	assert.Nil(t, c.Choose(nil), "nothing is known of them")
	assert.Equal(t, cluster.State{Reason: "it has not been checked yet"}, c.Replicas()[0].State())

	s.at("a", 100)
	s.at("b", 100)
	s.set(func() { s.down["c"] = true })
	c.Check(t.Context())
	chosen := map[int]int{}
	for range 300 {
		chosen[c.Choose(nil).Index()]++
	}
	assert.Len(t, chosen, 2, "%v", chosen)
	assert.GreaterOrEqual(t, min(chosen[0], chosen[1]), 100)

	s.set(func() { s.down["a"], s.down["b"] = true, true })
	c.Check(t.Context())
	assert.Nil(t, c.Choose(nil), "none is fit")
}

// What a check finds, by what the servers answer.
func TestStateOfAReplica(t *testing.T) {
	t.Parallel()
	position := func(number uint64) engine.ReplicaAnswer {
		return engine.ReplicaAnswer{At: engine.Position{0: number}, Lag: engine.UnknownLag}
	}
	for name, test := range map[string]struct {
		answer engine.ReplicaAnswer
		maxLag time.Duration
		want   cluster.State
	}{
		"it has everything":        {position(300), 10 * time.Second, cluster.State{Fit: true}},
		"ten seconds behind":       {position(200), 10 * time.Second, cluster.State{Fit: true, Lag: 10 * time.Second}},
		"too far behind":           {position(200), 9 * time.Second, cluster.State{Lag: 10 * time.Second, Reason: "it is 10s behind, more than DATABASE_REPLICA_MAX_LAG=9s"}},
		"behind without a limit":   {position(100), 0, cluster.State{Fit: true, Lag: 15 * time.Second}},
		"before all that is known": {position(50), 10 * time.Second, cluster.State{Lag: engine.UnknownLag, Reason: "how far behind it is can't be told yet"}},
		"before all, no limit":     {position(50), 0, cluster.State{Fit: true, Lag: engine.UnknownLag}},
		"by its own account":       {engine.ReplicaAnswer{Lag: 3 * time.Second}, 10 * time.Second, cluster.State{Fit: true, Lag: 3 * time.Second}},
		"by its own account late":  {engine.ReplicaAnswer{Lag: 30 * time.Second}, 10 * time.Second, cluster.State{Lag: 30 * time.Second, Reason: "it is 30s behind, more than DATABASE_REPLICA_MAX_LAG=10s"}},
		"no replica":               {engine.ReplicaAnswer{Refused: "it is no standby"}, 0, cluster.State{Reason: "it is no standby"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServers()
				c, _ := s.cluster(t, 1, maxLag(test.maxLag))
				for _, at := range []uint64{100, 200, 300} { // at 0, 5 and 10 seconds, and the last check at 15
					s.primaryAt(at)
					c.Check(t.Context())
					time.Sleep(5 * time.Second)
				}
				s.set(func() { s.replicas["a"] = test.answer })
				c.Check(t.Context())
				assert.Equal(t, test.want, c.Replicas()[0].State())
			})
		})
	}
}

// An idle primary makes no replica late.
func TestIdlePrimaryIsNoLag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		s.at("a", 100)
		c, _ := s.cluster(t, 1, maxLag(time.Second))
		c.Check(t.Context())
		time.Sleep(time.Hour)
		c.Check(t.Context())
		assert.Equal(t, cluster.State{Fit: true}, c.Replicas()[0].State())
	})
}

func TestReadsSeeTheClientsWrites(t *testing.T) {
	t.Parallel()
	s := newServers()
	s.at("a", 100)
	s.at("b", 100)
	c, _ := s.cluster(t, 2, maxLag(0))
	c.Check(t.Context())
	w := cluster.NewWrites("")
	assert.NotNil(t, c.Choose(w), "it has written nothing")

	s.set(func() { s.written = engine.Position{0: 150} })
	c.Wrote(t.Context(), w, new(noServer))
	assert.Nil(t, c.Choose(w))
	assert.NotNil(t, c.Choose(nil), "other clients go on using the replicas")
	assert.Nil(t, c.Choose(cluster.NewWrites(w.Token())), "the same client through another process")

	s.at("b", 150)
	c.Check(t.Context())
	for range 4 {
		assert.Equal(t, 1, c.Choose(w).Index(), "the one that has it")
	}
}

// A client that could not learn where its write is in the log, or servers without
// positions: the time has to do.
func TestReadsSeeTheClientsWritesByTime(t *testing.T) {
	t.Parallel()
	for name, unknown := range map[string]func(s *servers){
		"no answer":     func(s *servers) { s.down["primary"] = true },
		"no connection": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newServers()
				s.set(func() { s.replicas["a"] = engine.ReplicaAnswer{} })
				c, _ := s.cluster(t, 1)
				c.Check(t.Context())
				w := cluster.NewWrites("")
				if unknown == nil {
					c.Wrote(t.Context(), w, nil)
				} else {
					unknown(s)
					c.Wrote(t.Context(), w, new(noServer))
				}
				assert.Nil(t, c.Choose(w))
				time.Sleep(cluster.ClockSlack + time.Second/2)
				c.Check(t.Context())
				assert.Nil(t, c.Choose(w), "the replica counts in whole seconds, and clocks differ")
				time.Sleep(time.Second/2 + time.Millisecond)
				c.Check(t.Context())
				assert.NotNil(t, c.Choose(w))
			})
		})
	}
}

// The log of a server that became the primary may be shorter, so that a replica
// never comes to the position.
func TestOldWritesAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		s.at("a", 100)
		c, _ := s.cluster(t, 1, maxLag(10*time.Second))
		s.set(func() { s.written = engine.Position{0: 1000} })
		w := cluster.NewWrites("")
		c.Wrote(t.Context(), w, new(noServer))
		c.Check(t.Context())
		require.Nil(t, c.Choose(w))
		time.Sleep(12 * time.Second)
		assert.Nil(t, c.Choose(w))
		time.Sleep(time.Millisecond)
		assert.NotNil(t, c.Choose(w))
	})
}

func TestReplicasWaitForTheSchema(t *testing.T) {
	t.Parallel()
	s := newServers()
	s.at("a", 100)
	c, _ := s.cluster(t, 1, maxLag(0))
	c.Check(t.Context())
	require.NotNil(t, c.Choose(nil))

	s.primaryAt(200)
	require.NoError(t, c.RequireNow(t.Context(), new(noServer)))
	assert.Nil(t, c.Choose(nil), "at once")
	c.Check(t.Context())
	assert.Nil(t, c.Choose(nil))
	assert.Equal(t, "it has not replayed the schema yet", c.Replicas()[0].State().Reason)
	s.at("a", 200)
	c.Check(t.Context())
	assert.NotNil(t, c.Choose(nil))

	s.primaryAt(300)
	require.NoError(t, c.RequireNow(t.Context(), new(noServer)))
	c.Check(t.Context())
	require.Nil(t, c.Choose(nil))
	s.primaryAt(250) // another primary: the schema is at a place that is not known
	s.at("a", 250)
	c.Check(t.Context())
	assert.NotNil(t, c.Choose(nil))

	s.set(func() { s.down["primary"] = true })
	err := c.RequireNow(t.Context(), new(noServer))
	require.ErrorIs(t, err, errDown)
	require.ErrorContains(t, err, "dbmodule: read replication position: ")
}

// slowError takes its time to say what it is: whoever asks is in the middle of a check.
type slowError struct{ asked, goOn chan struct{} }

func (e slowError) Error() string {
	close(e.asked)
	<-e.goOn
	return "too slow"
}

// slowServers are servers whose replicas answer with an error.
type slowServers struct {
	*servers
	err error
}

func (s slowServers) Replica(context.Context, engine.Queryer) (engine.ReplicaAnswer, error) {
	return engine.ReplicaAnswer{}, s.err
}

// A check that has begun before must not put what it found in the place of what
// RequireNow asks for: reads would go to a replica without the schema.
func TestRequireNowCountsDuringACheck(t *testing.T) {
	t.Parallel()
	slow := slowError{make(chan struct{}), make(chan struct{})}
	s := newServers()
	c, _ := s.cluster(t, 1, func(settings *cluster.Settings) { settings.Replication = slowServers{s, slow} })
	var wg sync.WaitGroup
	wg.Go(func() { c.Check(t.Context()) })
	<-slow.asked
	required := make(chan error, 1)
	go func() { required <- c.RequireNow(t.Context(), new(noServer)) }()
	select {
	case err := <-required: // it should have waited for the check, which this does not count on
		required <- err
	case <-time.After(50 * time.Millisecond):
	}
	close(slow.goOn)
	wg.Wait()
	require.NoError(t, <-required)
	assert.Equal(t, "it has not replayed the schema yet", c.Replicas()[0].State().Reason)
}

// MySQL's servers tell no positions.
func TestReplicasWaitForTheSchemaByTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		behind := func(lag time.Duration) { s.set(func() { s.replicas["a"] = engine.ReplicaAnswer{Lag: lag} }) }
		s.set(func() { s.primary.At = nil })
		behind(0)
		c, _ := s.cluster(t, 1, maxLag(0))
		c.Check(t.Context())
		require.NotNil(t, c.Choose(nil))

		require.NoError(t, c.RequireNow(t.Context(), new(noServer)))
		behind(5 * time.Second)
		time.Sleep(5 * time.Second)
		c.Check(t.Context())
		assert.Nil(t, c.Choose(nil))
		assert.Equal(t, "it has not replayed the schema yet", c.Replicas()[0].State().Reason)
		behind(4 * time.Second)
		c.Check(t.Context())
		assert.NotNil(t, c.Choose(nil))
	})
}

func TestSuspendedReplicaIsLeftUntilItAnswers(t *testing.T) {
	t.Parallel()
	s := newServers()
	s.at("a", 100)
	c, _ := s.cluster(t, 1)
	c.Check(t.Context())
	a := c.Replicas()[0]
	a.Suspend(errors.New("it is gone"))
	assert.Nil(t, c.Choose(nil))
	assert.Equal(t, cluster.State{Reason: "it is gone"}, a.State())
	c.Check(t.Context())
	assert.Equal(t, a, c.Choose(nil))
}

func TestNoClusterDoesNothing(t *testing.T) {
	t.Parallel()
	var c *cluster.Cluster
	c.Start(t.Context())
	c.Check(t.Context())
	assert.Empty(t, c.Replicas())
	require.NoError(t, c.Close())
}

// noServer is a connection of the program: servers know it as the primary's.
type noServer struct{ engine.Queryer }
