package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/cluster"
)

func TestServersAreCheckedUntilClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		s.at("a", 100)
		c, _ := s.cluster(t, 1)
		first, cancel := context.WithCancel(t.Context())
		c.Start(first)
		cancel() // it was for the first check
		assert.Equal(t, 1, s.timesAsked("a"), "the first check is made when Start returns")
		c.Start(t.Context())
		time.Sleep(10*time.Second + time.Millisecond)
		assert.Equal(t, []int{11, 11}, []int{s.timesAsked("a"), s.timesAsked("primary")}, "each second")

		require.NoError(t, c.Close())
		require.NoError(t, c.Close())
		assert.Equal(t, map[string]bool{"primary": true, "a": true}, s.closed)
		c.Start(t.Context())
		c.Replicas()[0].CheckSoon()
		time.Sleep(time.Minute)
		assert.Equal(t, 11, s.timesAsked("a"))
	})
}

func TestNothingIsCheckedAfterClose(t *testing.T) {
	t.Parallel()
	s := newServers()
	c, _ := s.cluster(t, 1)
	require.NoError(t, c.Close())
	c.Start(t.Context())
	assert.Zero(t, s.timesAsked("primary"))
}

// Sessions that lost connections have the servers checked early, but not each time.
func TestSuspendedReplicaIsCheckedSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		s.at("a", 100)
		c, _ := s.cluster(t, 1, func(s *cluster.Settings) { s.Interval = time.Hour })
		c.Start(t.Context())
		for range 100 {
			c.Replicas()[0].Suspend(errDown)
		}
		require.Nil(t, c.Choose(nil))
		synctest.Wait()
		assert.Equal(t, 1, s.timesAsked("a"))
		time.Sleep(cluster.Soonest + time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 2, s.timesAsked("a"))
		assert.NotNil(t, c.Choose(nil))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Equal(t, 3, s.timesAsked("a"))
	})
}

func TestPrimaryThatTakesNoWritesIsTold(t *testing.T) {
	t.Parallel()
	s := newServers()
	demoted := 0
	c, logs := s.cluster(t, 0, func(s *cluster.Settings) { s.Demoted = func() { demoted++ } })
	c.Check(t.Context())
	s.set(func() { s.down["primary"], s.primary.ReadOnly = true, true })
	c.Check(t.Context())
	assert.Zero(t, demoted, "no answer says nothing")
	s.set(func() { s.down["primary"] = false })
	c.Check(t.Context())
	assert.Equal(t, 1, demoted)
	assert.Len(t, logs.FilterMessageSnippet("the server takes no writes").All(), 1)

	c, logs = s.cluster(t, 0)
	c.Check(t.Context())
	assert.Empty(t, logs.All(), "a URL that does not ask for the primary")
}

func TestReadsGoOnWithoutThePrimary(t *testing.T) {
	t.Parallel()
	s := newServers()
	s.at("a", 100)
	c, _ := s.cluster(t, 1)
	c.Check(t.Context())
	s.set(func() { s.down["primary"] = true })
	c.Check(t.Context())
	assert.NotNil(t, c.Choose(nil))
}

func TestLogTellsWhenReadsBeginAndEnd(t *testing.T) {
	t.Parallel()
	s := newServers()
	s.set(func() { s.down["a"] = true })
	c, logs := s.cluster(t, 1)
	for _, down := range []bool{true, true, false, false, true} {
		s.set(func() { s.down["a"] = down })
		s.at("a", 100)
		c.Check(t.Context())
	}
	var told []string
	for _, entry := range logs.All() {
		told = append(told, entry.Message)
		assert.Contains(t, entry.ContextMap()["replica"], "@a/x")
		assert.NotContains(t, entry.ContextMap()["replica"], "secret")
	}
	assert.Equal(t, []string{"reads do not go to the replica", "reads go to the replica", "reads do not go to the replica"}, told)
	assert.Equal(t, "it does not answer: connection refused", logs.All()[0].ContextMap()["reason"])
}

// A server that hangs keeps neither the other servers' checks nor Close waiting.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServers()
		s.at("a", 100)
		s.at("b", 100)
		c, _ := s.cluster(t, 2, func(set *cluster.Settings) { set.Replication = hanging{s, "b"} })
		began := time.Now()
		c.Start(t.Context())
		assert.Equal(t, time.Second, time.Since(began))
		assert.True(t, c.Replicas()[0].State().Fit)
		assert.Contains(t, c.Replicas()[1].State().Reason, context.DeadlineExceeded.Error())
		time.Sleep(1500 * time.Millisecond) // in the middle of the next check
		began = time.Now()
		require.NoError(t, c.Close())
		assert.Zero(t, time.Since(began))
	})
}

// That a check was ended says nothing of the server.
func TestCheckThatIsCutOffChangesNothing(t *testing.T) {
	t.Parallel()
	s := newServers()
	s.at("a", 100)
	c, logs := s.cluster(t, 1)
	c.Check(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Check(ctx)
	assert.True(t, c.Replicas()[0].State().Fit)
	assert.Len(t, logs.All(), 1)
}

func TestNewClosesWhatItOpened(t *testing.T) {
	t.Parallel()
	s := newServers()
	wrong := errors.New("wrong settings")
	for refused, opened := range map[string]map[string]bool{"primary": {}, "b": {"primary": true, "a": true}} {
		clear(s.closed)
		_, err := cluster.New(cluster.Settings{
			Primary: parse(t, "postgresql://primary/x"), Replicas: []dburl.URL{parse(t, "postgresql://a/x"), parse(t, "postgresql://b/x")},
			Replication: s, Log: zap.NewNop(), Open: func(u dburl.URL) (cluster.Probe, error) {
				if u.Hosts()[0].Name == refused {
					return cluster.Probe{}, wrong
				}
				return s.open(u)
			},
		})
		require.ErrorIs(t, err, wrong)
		assert.Equal(t, opened, s.closed)
	}
}
