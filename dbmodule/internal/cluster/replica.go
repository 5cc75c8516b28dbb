package cluster

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Replica is a server that replays the primary's log. It is safe for concurrent use.
type Replica struct {
	cluster *Cluster
	index   int
	url     dburl.URL
	probe   Probe
	state   atomic.Pointer[state]
	// told is what was logged last about the replica. Only the check uses it.
	told string
}

// State is what the last check found.
type State struct {
	// Fit reports whether reads may go to the replica. Reason says why not.
	Fit    bool
	Reason string
	// Lag is the most that the replica was behind the primary; 0 if it had everything.
	Lag time.Duration
}

// state is immutable once it is stored.
type state struct {
	State
	at engine.Position
	// asOf is a moment: everything that was committed before it has been replayed.
	asOf time.Time
}

const (
	notChecked = "it has not been checked yet"
	noSchema   = "it has not replayed the schema yet"
)

func newReplica(c *Cluster, index int, u dburl.URL, probe Probe) *Replica {
	r := &Replica{cluster: c, index: index, url: u, probe: probe}
	r.state.Store(&state{State: State{Reason: notChecked}})
	return r
}

// Index is the replica's place in Settings.Replicas, from 0.
func (r *Replica) Index() int { return r.index }

// URL returns the replica's URL.
func (r *Replica) URL() dburl.URL { return r.url }

// State returns what the last check found.
func (r *Replica) State() State { return r.state.Load().State }

// Suspend keeps reads from the replica until a check finds that it answers. It makes the next
// check come soon.
func (r *Replica) Suspend(cause error) {
	r.cluster.mu.Lock()
	r.suspend(cause.Error())
	r.cluster.mu.Unlock()
	r.CheckSoon()
}

// suspend is called with the cluster's mu held.
func (r *Replica) suspend(reason string) {
	suspended := *r.state.Load()
	suspended.Fit, suspended.Reason = false, reason
	r.state.Store(&suspended)
}

// CheckSoon makes the next check come soon. It is for a caller that lost a connection after it
// had been idle: the server itself may be well.
func (r *Replica) CheckSoon() { r.cluster.watch.checkSoon() }

// shows reports whether the replica has replayed a write, as far as its last check
// can tell.
func (s *state) shows(m mark, maxLag time.Duration) bool {
	if len(m.at) > 0 && len(s.at) > 0 {
		if s.at.Covers(m.at) {
			return true
		}
		// After a failover, positions may count from an earlier one. So a write that is older
		// than any allowed lag counts as replayed.
		return maxLag > 0 && time.Since(m.when) > maxLag+clockSlack
	}
	return s.asOf.After(m.when.Add(clockSlack))
}

// judge returns the state of a replica by its answer. The caller holds the cluster's mu.
func (c *Cluster) judge(asked time.Time, a engine.ReplicaAnswer, err error) state {
	if err != nil {
		return unfit("it does not answer: %v", err)
	}
	if a.Refused != "" {
		return unfit("%s", a.Refused)
	}
	s := state{at: a.At, State: State{Lag: a.Lag}}
	known := a.Lag >= 0
	if known {
		s.asOf = asked.Add(-a.Lag - time.Second) // servers count in whole seconds
	}
	if asOf, latest, ok := c.history.before(a.At); ok {
		known, s.asOf, s.Lag = true, asOf, 0
		if !latest {
			s.Lag = asked.Sub(asOf)
		}
	}
	maxLag := c.settings.MaxLag
	switch {
	case !a.At.Covers(c.floor.at), len(c.floor.at) == 0 && known && s.asOf.Before(c.floor.when):
		s.Reason = noSchema
	case maxLag > 0 && !known:
		s.Reason = "how far behind it is can't be told yet"
	case maxLag > 0 && s.Lag > maxLag:
		s.Reason = fmt.Sprintf("it is %s behind, more than DATABASE_REPLICA_MAX_LAG=%s", s.Lag.Round(time.Millisecond), maxLag)
	default:
		s.Fit = true
	}
	return s
}

func unfit(format string, args ...any) state {
	return state{State: State{Reason: fmt.Sprintf(format, args...)}}
}
