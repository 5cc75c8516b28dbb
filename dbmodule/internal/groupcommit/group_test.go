package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/groupcommit"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// writer plays a connection that writes, and its transactions.
type writer struct {
	t           *testing.T
	coordinator *groupcommit.Coordinator
	group       *groupcommit.Group
	// sent are the statements so far, COMMIT and ROLLBACK of the transaction included.
	sent    []string
	waiting int64
	undoes  bool
	// fails are the errors of statements; commitTakes is how long COMMIT takes.
	fails       map[string]error
	commitTakes time.Duration
}

func newWriter(t *testing.T) *writer {
	w := &writer{t: t, waiting: 1, fails: map[string]error{}}
	w.coordinator = groupcommit.NewCoordinator(sqltext.SQLite, func(kind, cause error) error { return fmt.Errorf("%w: %w", kind, cause) })
	w.coordinator.CountWaiting(func() int64 { return w.waiting })
	w.group = w.coordinator.Group(w)
	return w
}

func (w *writer) Control(_ context.Context, statement string) error {
	w.sent = append(w.sent, statement)
	return w.fails[statement]
}

func (w *writer) SchemaUndoes(context.Context) bool { return w.undoes }

// transaction is one of the writer's.
type transaction struct {
	*writer
	outlives int
}

func (tx *transaction) Caller() context.Context { return tx.t.Context() }
func (tx *transaction) Outlive()                { tx.outlives++ }
func (tx *transaction) Drop()                   { tx.sent = append(tx.sent, "ROLLBACK") }
func (tx *transaction) Store() error {
	time.Sleep(tx.commitTakes)
	return tx.Control(tx.t.Context(), "COMMIT")
}

// unit runs a unit of work that holds the writer for so long, and hands over.
func (w *writer) unit(lasting time.Duration) *groupcommit.Acknowledgement {
	w.t.Helper()
	member := w.begun(lasting)
	w.group.HandOver(true)
	return member
}

// begun runs a unit of work that still has the writer.
func (w *writer) begun(lasting time.Duration) *groupcommit.Acknowledgement {
	w.t.Helper()
	if w.group.IsOpen() {
		require.NoError(w.t, w.group.Join(w.t.Context()))
	}
	w.group.Begin()
	time.Sleep(lasting)
	if w.group.Joined() {
		require.NoError(w.t, w.group.EndSavepoint(w.t.Context(), false))
	}
	return w.group.AddMember(&transaction{writer: w})
}

// outcome is what a member is told by now; errWaits if it still waits.
func outcome(a *groupcommit.Acknowledgement) error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Wait(ended); !errors.Is(err, dberr.ErrCommitUnknown) || !errors.Is(err, context.Canceled) {
		return err
	}
	return errWaits
}

var errWaits = errors.New("the member waits")

// run gives a test a time of its own.
func run(t *testing.T, test func(t *testing.T, w *writer)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, newWriter(t)) })
}

func TestMembersAreToldAfterTheirCommit(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		first, second := w.unit(0), w.unit(0)
		require.ErrorIs(t, outcome(first), errWaits)
		require.ErrorIs(t, outcome(second), errWaits)
		w.waiting = 0
		third := w.unit(0)
		for _, member := range []*groupcommit.Acknowledgement{first, second, third} {
			require.NoError(t, outcome(member))
		}
		assert.Equal(t, []string{
			"SAVEPOINT openhands_unit", "RELEASE openhands_unit", "SAVEPOINT openhands_unit", "RELEASE openhands_unit", "COMMIT",
		}, w.sent)
		commits, units := w.coordinator.Committed()
		assert.Equal(t, [2]int64{1, 3}, [2]int64{commits, units})
		assert.False(t, w.group.IsOpen())
		w.group.HandOver(true)
		assert.Len(t, w.sent, 5, "nothing is left to commit")
	})
}

// What keeps a transaction from being left open for the next, though somebody waits.
func TestWhenNobodyShares(t *testing.T) {
	for name, prepare := range map[string]func(w *writer){
		"somebody waits, and all is well": func(*writer) {},
		"nobody waits":                    func(w *writer) { w.waiting = 0 },
		"the schema undoes transactions":  func(w *writer) { w.undoes = true },
		"units of work are slow": func(w *writer) {
			for range groupcommit.SlowUnits {
				w.group.Begin()
				time.Sleep(groupcommit.QuickUnit + 1)
				w.group.HandOver(true)
			}
		},
		"the unit of work is old": func(w *writer) {
			w.group.AddMember(&transaction{writer: w})
			time.Sleep(groupcommit.MaxAge + 1)
		},
		"a group failed a moment ago": func(w *writer) {
			w.group.AddMember(&transaction{writer: w})
			w.group.Close(true)
			time.Sleep(groupcommit.Pause - 1)
		},
		"a statement of the unit of work defers keys": func(w *writer) { w.group.Effect("PRAGMA defer_foreign_keys = 1", true, true) },
		"a statement was seen that undoes a transaction": func(w *writer) {
			w.group.Effect("CREATE TABLE t (id INTEGER UNIQUE ON CONFLICT ROLLBACK)", true, true)
			w.unit(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *writer) {
				prepare(w)
				w.group.AddMember(&transaction{writer: w})
				w.group.HandOver(true)
				assert.Equal(t, name == "somebody waits, and all is well", w.group.IsOpen())
			})
		})
	}
}

func TestAConnectionThatIsNotKeptLeavesNothingOpen(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		member := w.begun(0)
		w.group.HandOver(false)
		require.NoError(t, outcome(member))
	})
}

func TestBounds(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		for range groupcommit.MaxUnits {
			w.unit(0)
		}
		assert.False(t, w.group.IsOpen(), "the group is full")
		commits, units := w.coordinator.Committed()
		assert.Equal(t, [2]int64{1, groupcommit.MaxUnits}, [2]int64{commits, units})

		w.unit(groupcommit.MaxAge) // slow, but alone in that
		assert.True(t, w.group.IsOpen(), "a group's age counts from its first member's end")
		w.unit(groupcommit.MaxAge + 1)
		assert.False(t, w.group.IsOpen(), "the group is old")
	})
}

// On a slow disk a member saves more than what a slow unit of work costs it.
func TestUnitsAreQuickBesideSlowCommits(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		w.commitTakes, w.waiting = time.Second, 0
		w.unit(0)
		for range groupcommit.SlowUnits {
			w.unit(10 * groupcommit.QuickUnit)
		}
		w.waiting = 1
		w.unit(0)
		assert.True(t, w.group.IsOpen())
	})
}

// As many quick units of work as slow ones have groups formed again.
func TestSlowUnitsAreForgotten(t *testing.T) {
	for name, test := range map[string]struct {
		quick int
		want  bool
	}{"too few quick ones since": {2, false}, "enough": {3, true}} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *writer) {
				w.waiting = 0
				for range 2 * groupcommit.SlowUnits {
					w.unit(groupcommit.QuickUnit + 1)
				}
				for range test.quick {
					w.unit(0)
				}
				w.waiting = 1
				w.unit(0)
				assert.Equal(t, test.want, w.group.IsOpen())
			})
		})
	}
}

// Statements by themselves use the connection too, and are no units of work.
func TestStatementsByThemselvesAreNotSlow(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		w.waiting = 0
		w.unit(0)
		for range 2 * groupcommit.SlowUnits {
			time.Sleep(time.Second)
			w.group.HandOver(true)
		}
		w.waiting = 1
		w.unit(0)
		assert.True(t, w.group.IsOpen())
	})
}

func TestAPartIsUndoneAlone(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		first := w.unit(0)
		require.NoError(t, w.group.Join(t.Context()))
		assert.True(t, w.group.Joined())
		require.NoError(t, w.group.EndSavepoint(t.Context(), true))
		assert.False(t, w.group.Joined())
		w.group.HandOver(false)
		require.NoError(t, outcome(first))
		assert.Equal(t, []string{"SAVEPOINT openhands_unit", "ROLLBACK TO openhands_unit", "RELEASE openhands_unit", "COMMIT"}, w.sent)
	})
}

// What takes the transaction along is told to all members: nothing of theirs is stored.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(w *writer)
		want error // of the two members
	}{
		"a part can't be undone": {func(w *writer) {
			w.fails["ROLLBACK TO openhands_unit"] = assert.AnError
			require.NoError(w.t, w.group.Join(w.t.Context()))
			require.ErrorIs(w.t, w.group.EndSavepoint(w.t.Context(), true), assert.AnError)
		}, dberr.ErrConflict},
		"COMMIT fails": {func(w *writer) {
			w.fails["COMMIT"] = assert.AnError
			w.group.Commit()
		}, dberr.ErrConflict},
		"COMMIT is not answered": {func(w *writer) {
			w.fails["COMMIT"] = dberr.ErrCommitUnknown
			w.group.Commit()
		}, dberr.ErrCommitUnknown},
		"the connection is lost": {func(w *writer) { w.group.Close(true) }, dberr.ErrConflict},
		"the connection is closed in the middle of a unit of work": {func(w *writer) {
			require.NoError(w.t, w.group.Join(w.t.Context()))
			w.group.Close(false)
		}, dberr.ErrConflict},
		"the connection is closed": {func(w *writer) { w.group.Close(false) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *writer) {
				members := []*groupcommit.Acknowledgement{w.unit(0), w.unit(0)}
				test.end(w)
				assert.False(t, w.group.IsOpen())
				for _, member := range members {
					require.ErrorIs(t, outcome(member), test.want)
				}
				dropped := len(w.sent) > 0 && w.sent[len(w.sent)-1] == "ROLLBACK"
				assert.Equal(t, errors.Is(test.want, dberr.ErrConflict), dropped, w.sent)
			})
		})
	}
}

// Who is alone in a transaction learns why COMMIT failed, and may not do it again.
func TestAloneMemberLearnsTheErrorOfCommit(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		w.fails["COMMIT"] = dberr.ErrForeignKey
		w.waiting = 0
		err := outcome(w.unit(0))
		require.ErrorIs(t, err, dberr.ErrForeignKey)
		require.NotErrorIs(t, err, dberr.ErrConflict)
	})
}

func TestGroupsFormAgainAfterThePause(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		w.unit(0)
		w.group.Close(true)
		time.Sleep(groupcommit.Pause + 1)
		w.unit(0)
		assert.True(t, w.group.IsOpen())
	})
}

// Nobody waits for ever.
func TestWaitEnds(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		member := w.unit(0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := member.Wait(ctx)
		require.ErrorIs(t, err, dberr.ErrCommitUnknown)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		w.coordinator.End()
		w.coordinator.End()
		err = member.Wait(t.Context())
		require.ErrorIs(t, err, dberr.ErrCommitUnknown)
		require.ErrorIs(t, err, dberr.ErrDatabaseClosed)

		w.group.Commit()
		require.NoError(t, member.Wait(t.Context()), "what is known counts")
	})
}

func TestGrace(t *testing.T) {
	run(t, func(t *testing.T, _ *writer) {
		ctx, leave := context.WithCancel(t.Context())
		late, end := groupcommit.WithGrace(ctx)
		leave()
		began := time.Now()
		<-late.Done()
		assert.Equal(t, 150*time.Millisecond, time.Since(began))
		end()

		late, end = groupcommit.WithGrace(t.Context())
		end()
		require.Error(t, late.Err())
	})
}

func TestEffect(t *testing.T) {
	t.Parallel()
	const (
		defers = "PRAGMA defer_foreign_keys = ON"
		undoes = "CREATE TABLE t (id INTEGER UNIQUE ON CONFLICT ROLLBACK)"
		orRoll = "INSERT OR ROLLBACK INTO t VALUES (1)"
	)
	for name, test := range map[string]struct {
		joined, session, touched bool
		query                    string
		want                     groupcommit.Effect
	}{
		"harmless":                       {true, true, true, "INSERT INTO t VALUES (1)", groupcommit.None},
		"undoes, by itself":              {false, true, true, undoes, groupcommit.None},
		"undoes, as the first statement": {true, true, false, undoes, groupcommit.Leaves},
		"undoes, later":                  {true, true, true, undoes, groupcommit.Refused},
		"defers, as the first statement": {true, true, false, defers, groupcommit.Leaves},
		"defers, later":                  {true, true, true, defers, groupcommit.None},
		"OR ROLLBACK is sent as another": {true, true, true, orRoll, groupcommit.None},
		"OR ROLLBACK of no session's":    {true, false, true, orRoll, groupcommit.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *writer) {
				if test.joined {
					w.unit(0)
					require.NoError(t, w.group.Join(t.Context()))
				}
				assert.Equal(t, test.want, w.group.Effect(test.query, test.session, test.touched))
			})
		})
	}
}

// What is done on the driver's connection nobody reads: it is as if it undid all. Whoever
// is refused finds nobody to share with at once.
func TestRawEffect(t *testing.T) {
	for name, test := range map[string]struct {
		joined, touched bool
		want            groupcommit.Effect
	}{
		"by itself":      {false, true, groupcommit.None},
		"at its begin":   {true, false, groupcommit.Leaves},
		"after the work": {true, true, groupcommit.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *writer) {
				if test.joined {
					w.unit(0)
					require.NoError(t, w.group.Join(t.Context()))
				}
				assert.Equal(t, test.want, w.group.RawEffect(test.touched))
				if test.joined {
					require.NoError(t, w.group.EndSavepoint(t.Context(), false))
				}
				w.group.AddMember(&transaction{writer: w})
				w.group.HandOver(true)
				assert.False(t, w.group.IsOpen(), "nobody joins")
				again := outcome(w.unit(0))
				assert.Equal(t, test.want == groupcommit.Refused, again == nil, "only who was refused runs alone for a while: %v", again)
			})
		})
	}
}

func TestTexts(t *testing.T) {
	run(t, func(t *testing.T, w *writer) {
		const query = "INSERT OR ROLLBACK INTO t VALUES (1)"
		assert.Equal(t, "INSERT OR ABORT INTO t VALUES (1)", w.group.WithoutOrRollback(query))
		assert.True(t, w.group.HasOrRollback(query))
		assert.Equal(t, "SELECT 1", w.group.WithoutOrRollback("SELECT 1"))
		require.ErrorIs(t, w.group.RefusedError(), dberr.ErrConflict)
	})
}

// Where nothing is shared there is no coordinator and no group.
func TestNilSharesNothing(t *testing.T) {
	t.Parallel()
	var coordinator *groupcommit.Coordinator
	group := coordinator.Group(nil)
	assert.Nil(t, group)
	coordinator.End()
	commits, units := coordinator.Committed()
	assert.Zero(t, commits+units)
	group.Begin()
	group.HandOver(true)
	group.Commit()
	group.Close(true)
	assert.False(t, group.IsOpen() || group.Joined())
	assert.Equal(t, groupcommit.None, group.Effect("ATTACH 'x' AS y", true, true))
	assert.Equal(t, groupcommit.None, group.RawEffect(true))
	const query = "INSERT OR ROLLBACK INTO t VALUES (1)"
	assert.Equal(t, query, group.WithoutOrRollback(query))
}
