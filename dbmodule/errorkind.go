package dbmodule

import (
	"context"
	"errors"
)

// errorKinds name the sentinels, in the order in which they are looked for:
// an error may match several, and the first says most.
var errorKinds = [...]struct {
	err  error
	name string
}{
	{ErrCommitUnknown, "commit_unknown"},
	{ErrPoolTimeout, "pool_timeout"},
	{ErrPendingRollback, "pending_rollback"},
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
	{ErrReadOnly, "read_only"},
	{ErrUnavailable, "unavailable"},
	{ErrNotFound, "not_found"},
	{context.Canceled, "canceled"},
	{context.DeadlineExceeded, "deadline_exceeded"},
}

// ErrorKind names what kind of error err is, in a word that is fit for a label
// of a metric: unique, conflict, pool_timeout and so on; other for what this
// package does not know, and empty for nil.
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

// ErrorKinds lists what [ErrorKind] returns for errors.
func ErrorKinds() []string {
	names := make([]string, 0, len(errorKinds)+1)
	for _, kind := range errorKinds {
		names = append(names, kind.name)
	}
	return append(names, "other")
}
