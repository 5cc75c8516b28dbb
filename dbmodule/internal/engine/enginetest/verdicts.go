// Package enginetest holds the tests that every engine must pass.
package enginetest

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Secret stands for the value of a row in the messages of the tests. It must
// appear in no text that is logged.
const Secret = "ann@example.org"

// Case is an error of a driver, and what the engine must say of it.
type Case struct {
	Err error
	// Kind is nil for an error that is not recognised.
	Kind                              error
	LosesTransaction, LosesConnection bool
	// Unanswered is set when a COMMIT that fails so may be stored.
	Unanswered bool
	// Outdated is what has to be prepared again.
	Outdated                  engine.Outdated
	Constraint, Table, Column string
}

// Verdicts checks an engine's judge, and what becomes of the errors by it.
func Verdicts(t *testing.T, of dburl.Engine, judge engine.Judge, cases map[string]Case) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, got := judge.Typed(of, c.Err)
			assert.Equal(t, c.LosesTransaction, v.LosesTransaction, "loses the transaction")
			assert.Equal(t, c.LosesConnection, v.LosesConnection, "loses the connection")
			assert.Equal(t, c.Unanswered, !v.Answered, "has no answer")
			assert.Equal(t, c.Outdated, v.Outdated, "what has to be prepared again")
			assert.NotContains(t, judge.TextWithoutValues(got), Secret)
			if c.Kind == nil {
				assert.Equal(t, c.Err, got, "unchanged")
				return
			}
			require.ErrorIs(t, got, c.Kind)
			require.NotErrorIs(t, got, driver.ErrBadConn, "database/sql would repeat the statement")
			assert.NotContains(t, fmt.Sprintf("%v %+v", got, got), Secret)
			var typed *dberr.Error
			require.ErrorAs(t, got, &typed)
			assert.Equal(t, of, typed.Engine)
			assert.Equal(t, []string{c.Constraint, c.Table, c.Column}, []string{typed.Constraint, typed.Table, typed.Column})
			if !errors.Is(c.Err, driver.ErrBadConn) {
				require.ErrorIs(t, got, c.Err, "the driver's error is kept")
			}
			second, again := judge.Typed(of, got)
			assert.Same(t, typed, again, "typed once")
			assert.Equal(t, v.LosesTransaction, second.LosesTransaction, "also found behind its type")
			assert.Equal(t, v.LosesConnection, second.LosesConnection, "also found behind its type")
			assert.Equal(t, v.Outdated, second.Outdated, "also found behind its type")
		})
	}
	t.Run("no error", func(t *testing.T) {
		t.Parallel()
		v, got := judge.Typed(of, nil)
		require.NoError(t, got)
		assert.Zero(t, v)
	})
	t.Run("the caller's context", func(t *testing.T) {
		t.Parallel()
		for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
			_, err := judge.Typed(of, fmt.Errorf("exec: %w", errors.Join(ended, io.ErrUnexpectedEOF)))
			require.ErrorIs(t, err, ended)
			require.NotErrorIs(t, err, dberr.ErrUnavailable, "the caller went away, not the database")
		}
	})
}
