package txstate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
	"github.com/openhands-go/server/dbmodule/internal/txstate"
)

var errFailed = errors.New("it failed")

// Each step is a statement that succeeds, one that fails (with "!"), or one that costs
// the transaction ("!!").
func TestAdmits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		strict  bool
		steps   string
		next    string
		refused bool
	}{
		"nothing happened":                       {true, "", "SELECT 1", false},
		"a session's statement failed":           {true, "!INSERT", "SELECT 1", true},
		"a Bun transaction goes on":              {false, "!INSERT", "SELECT 1", false},
		"but not when the server gave it up":     {false, "!!INSERT", "SELECT 1", true},
		"a savepoint is undone":                  {true, "SAVEPOINT a; !INSERT; ROLLBACK TO a", "SELECT 1", false},
		"a savepoint that failed may be undone":  {true, "SAVEPOINT a; !INSERT", "ROLLBACK TO SAVEPOINT a", false},
		"another name does not help":             {true, "SAVEPOINT a; !INSERT", "ROLLBACK TO b", true},
		"nor does it when the server gave it up": {true, "SAVEPOINT a; !!INSERT", "ROLLBACK TO a", true},
		"a failure before the savepoint stays":   {true, "!INSERT", "SAVEPOINT a", true},
		"the inner of two of one name":           {true, "SAVEPOINT a; SAVEPOINT a; !INSERT; ROLLBACK TO a", "SELECT 1", false},
		"a released savepoint is no way back":    {true, "SAVEPOINT a; RELEASE a; !INSERT", "ROLLBACK TO a", true},
		"release of an outer one ends the inner": {true, "SAVEPOINT a; SAVEPOINT b; RELEASE a; !INSERT", "ROLLBACK TO b", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s txstate.State
			s.Strict = test.strict
			s.Begin()
			for step := range strings.SplitSeq(test.steps, "; ") {
				failed, whole := strings.CutPrefix(step, "!!")
				if !whole {
					failed, _ = strings.CutPrefix(step, "!")
				}
				switch {
				case step == "":
				case failed == step:
					s.Succeeded(sqltext.PostgreSQL, step)
				default:
					s.Failed(errFailed, whole)
				}
			}
			err := s.Admits(sqltext.PostgreSQL, test.next)
			if !test.refused {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, dberr.ErrPendingRollback)
			require.ErrorIs(t, err, errFailed)
		})
	}
}

func TestOutsideATransactionNothingIsPending(t *testing.T) {
	t.Parallel()
	var s txstate.State
	s.Strict = true
	s.Failed(errFailed, true)
	s.Succeeded(sqltext.SQLite, "SAVEPOINT a")
	require.NoError(t, s.Admits(sqltext.SQLite, "SELECT 1"))
	assert.False(t, s.InTx())
	assert.False(t, s.Touched())
}

func TestFresh(t *testing.T) {
	t.Parallel()
	var s txstate.State
	s.Begin()
	assert.True(t, s.Fresh())
	s.Failed(errFailed, false)
	assert.True(t, s.Fresh(), "a statement that failed has done nothing")
	s.Succeeded(sqltext.PostgreSQL, "SAVEPOINT a")
	assert.False(t, s.Fresh())
	s.End()
	s.Begin()
	assert.True(t, s.Fresh(), "another transaction")
	require.NoError(t, s.Pending())
}

func TestReset(t *testing.T) {
	t.Parallel()
	var s txstate.State
	s.Mode = txstate.Mode{ReadOnly: true, Strict: true}
	s.Begin()
	s.Failed(errFailed, true)
	s.Reset()
	assert.False(t, s.InTx())
	assert.Equal(t, txstate.Mode{}, s.Mode)
	require.NoError(t, s.Pending())
}

func TestUndid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		steps  string
		undone []int
	}{
		"nothing":                         {"INSERT; INSERT", nil},
		"a savepoint":                     {"INSERT; SAVEPOINT a; INSERT; ROLLBACK TO a; INSERT", []int{2, 3}},
		"another":                         {"SAVEPOINT a; ROLLBACK TO a; INSERT; ROLLBACK TO SAVEPOINT a", []int{1, 2, 3}},
		"one that was released":           {"SAVEPOINT a; INSERT; RELEASE a", nil},
		"one inside another":              {"SAVEPOINT a; SAVEPOINT b; RELEASE b; ROLLBACK TO a", []int{1, 2, 3}},
		"the inner of two":                {"SAVEPOINT a; SAVEPOINT b; INSERT; ROLLBACK TO b; RELEASE a", []int{2, 3}},
		"what is no savepoint of its own": {"SAVEPOINT a; ROLLBACK TO b", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s txstate.State
			s.Begin()
			for step := range strings.SplitSeq(test.steps, "; ") {
				s.Succeeded(sqltext.PostgreSQL, step)
			}
			var undone []int
			for step := range s.Step() + 1 {
				if s.Undid(step) {
					undone = append(undone, step)
				}
			}
			assert.Equal(t, test.undone, undone)
			s.Begin()
			assert.False(t, s.Undid(0), "another transaction")
		})
	}
}
