package dberr_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
)

func sentinels() []error {
	return []error{
		dberr.ErrNotFound, dberr.ErrUnique, dberr.ErrForeignKey, dberr.ErrCheck, dberr.ErrNotNull, dberr.ErrValue,
		dberr.ErrConflict, dberr.ErrTimeout, dberr.ErrPoolTimeout, dberr.ErrUnavailable, dberr.ErrAccessDenied,
		dberr.ErrNoDatabase, dberr.ErrCorrupt, dberr.ErrDiskFull, dberr.ErrReadOnlySession, dberr.ErrReadOnly, dberr.ErrCommitUnknown,
		dberr.ErrPendingRollback, dberr.ErrRowsOpen, dberr.ErrConcurrentUse, dberr.ErrSessionClosed, dberr.ErrDatabaseClosed, dberr.ErrNestedUnit,
	}
}

func TestKindsExcludeEachOther(t *testing.T) {
	t.Parallel()
	for i, kind := range sentinels() {
		for j, other := range sentinels() {
			if kind == dberr.ErrReadOnlySession && other == dberr.ErrReadOnly { //nolint:errorlint // the sentinels themselves
				continue // is of that kind
			}
			assert.Equal(t, i == j, errors.Is(&dberr.Error{Kind: kind}, other), "%v, %v", kind, other)
		}
	}
	require.ErrorIs(t, &dberr.Error{Kind: dberr.ErrReadOnlySession}, dberr.ErrReadOnly)
	require.NotErrorIs(t, &dberr.Error{}, dberr.ErrUnique, "no kind")
}

// Each sentinel has a word of its own, also when it is wrapped.
func TestErrorKind(t *testing.T) {
	t.Parallel()
	known := dberr.ErrorKinds()
	seen := map[string]bool{}
	for _, kind := range append(sentinels(), context.Canceled, context.DeadlineExceeded, errors.New("made up")) {
		word := dberr.ErrorKind(fmt.Errorf("get: %w", &dberr.Error{Kind: kind}))
		assert.NotEmpty(t, word, kind)
		assert.False(t, seen[word], "%q twice", word)
		seen[word] = true
		assert.Contains(t, known, word)
	}
	assert.Len(t, known, len(seen))
	assert.True(t, seen["other"], "an error that is not known")
	assert.Empty(t, dberr.ErrorKind(nil))
	assert.Equal(t, "pool_timeout", dberr.ErrorKind(fmt.Errorf("%w: %w", dberr.ErrPoolTimeout, context.DeadlineExceeded)))
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]dberr.Error{
		`database error`:                               {},
		`conflict with another transaction`:            {Kind: dberr.ErrConflict},
		`unique constraint "uq" violated in table "t"`: {Kind: dberr.ErrUnique, Constraint: "uq", Table: "t", Column: "c"},
		`unique constraint on "a, b" violated`:         {Kind: dberr.ErrUnique, Column: "a, b"},
		`unique constraint violated in table "t"`:      {Kind: dberr.ErrUnique, Table: "t"},
		`foreign key "fk" violated`:                    {Kind: dberr.ErrForeignKey, Constraint: "fk"},
		`check constraint "ck" violated`:               {Kind: dberr.ErrCheck, Constraint: "ck"},
		`null value not allowed for "c"`:               {Kind: dberr.ErrNotNull, Column: "c"},
		`value not accepted for "c\n" in table "t"`:    {Kind: dberr.ErrValue, Column: "c\n", Table: "t"},
		`value not accepted`:                           {Kind: dberr.ErrValue},
	} {
		assert.EqualError(t, &e, "dbmodule: "+want)
		cause := errors.New("Duplicate entry 'ann@example.org'")
		wrapped := dberr.Wrap(e, cause, "Duplicate entry '…'")
		assert.EqualError(t, wrapped, "dbmodule: "+want+": Duplicate entry '…'")
		assert.NotContains(t, fmt.Sprintf("%v %+v %s %q", wrapped, wrapped, wrapped, wrapped), "ann@example.org")
		assert.Same(t, cause, errors.Unwrap(wrapped))
		if e.Kind != nil {
			require.ErrorIs(t, wrapped, e.Kind)
		}
		assert.NoError(t, errors.Unwrap(&e), "Wrap makes an error of its own")
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	assert.Nil(t, (&dberr.Error{}).Columns())
	assert.Equal(t, []string{"a"}, (&dberr.Error{Column: "a"}).Columns())
	assert.Equal(t, []string{"a", "b"}, (&dberr.Error{Column: "a, b"}).Columns())
}

func ExampleError() {
	store := func() error {
		return dberr.Wrap(dberr.Error{Kind: dberr.ErrUnique, Engine: dburl.SQLite, Table: "users", Column: "email"},
			errors.New("the driver's own"), "the driver's own, without values")
	}
	err := fmt.Errorf("sign up: %w", store())
	var about *dberr.Error
	if errors.Is(err, dberr.ErrUnique) && errors.As(err, &about) {
		fmt.Println("taken:", about.Columns())
	}
	// Output: taken: [email]
}
