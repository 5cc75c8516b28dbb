package dberr

import (
	"context"
	"errors"
)

// errorKinds has the word for each sentinel. If an error matches several
// sentinels, ErrorKind takes the first in this order: the most specific one.
var errorKinds = [...]struct {
	err  error
	name string
}{
	{ErrCommitUnknown, "commit_unknown"},
	{ErrPoolTimeout, "pool_timeout"},
	{ErrDatabaseClosed, "database_closed"},
	{ErrPendingRollback, "pending_rollback"},
	{ErrRowsOpen, "rows_open"},
	{ErrNestedUnit, "nested_unit"},
	{ErrConcurrentUse, "concurrent_use"},
	{ErrSessionClosed, "session_closed"},
	{ErrUnique, "unique"},
	{ErrForeignKey, "foreign_key"},
	{ErrCheck, "check"},
	{ErrNotNull, "not_null"},
	{ErrValue, "value"},
	{ErrConflict, "conflict"},
	{ErrTimeout, "timeout"},
	{ErrAccessDenied, "access_denied"},
	{ErrNoDatabase, "no_database"},
	{ErrCorrupt, "corrupt"},
	{ErrDiskFull, "disk_full"},
	{ErrReadOnlySession, "read_only_session"},
	{ErrReadOnly, "read_only"},
	{ErrUnavailable, "unavailable"},
	{ErrNotFound, "not_found"},
	{context.Canceled, "canceled"},
	{context.DeadlineExceeded, "deadline_exceeded"},
}

// ErrorKind returns one word for the kind of err: unique, conflict,
// pool_timeout and so on. The words can be values of a metric's label. It
// returns "other" for an error that matches no sentinel, and "" for nil.
func ErrorKind(err error) string {
	if err == nil {
		return ""
	}
	for _, kind := range errorKinds {
		if errors.Is(err, kind.err) {
			return kind.name
		}
	}
	return "other"
}

// ErrorKinds lists all words that [ErrorKind] returns for non-nil errors.
func ErrorKinds() []string {
	names := make([]string, 0, len(errorKinds)+1)
	for _, kind := range errorKinds {
		names = append(names, kind.name)
	}
	return append(names, "other")
}
