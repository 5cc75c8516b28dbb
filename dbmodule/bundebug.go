package dbmodule

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/extra/bundebug"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/querylog"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// newBunDebug returns Bun's own debug log as BUNDEBUG asks for it, nil when it
// is off. When parameters are to be hidden, it sees statements and errors
// without them.
func newBunDebug(cfg Config, of engine.Opened, log *zap.Logger) bun.QueryHook {
	hook := bunDebugHook(cfg.BunDebug, log)
	if hook == nil || !cfg.EchoHideParameters {
		return hook
	}
	return withoutValues{QueryHook: hook, dialect: of.Text, judge: of.Judge, verbose: cfg.BunDebug == "2"}
}

// bunDebugHook reads a value of BUNDEBUG as bundebug does: empty and 0 are
// off, 2 shows all statements, everything else those that fail. What it prints
// goes to log, a line a statement.
func bunDebugHook(value string, log *zap.Logger) bun.QueryHook {
	if value == "" || value == "0" {
		return nil
	}
	return bundebug.NewQueryHook(
		bundebug.WithEnabled(true),
		bundebug.WithVerbose(value == "2"),
		bundebug.WithWriter(lineWriter{log}),
	)
}

// withoutValues shows a hook the statements without the values in them.
type withoutValues struct {
	bun.QueryHook
	dialect sqltext.Dialect
	judge   engine.Judge
	verbose bool
}

// AfterQuery calls the hook's own with a copy of the event.
func (h withoutValues) AfterQuery(ctx context.Context, event *bun.QueryEvent) {
	failed := event.Err != nil && !errors.Is(event.Err, sql.ErrNoRows) && !errors.Is(event.Err, sql.ErrTxDone)
	if !failed && !h.verbose {
		return
	}
	shown := *event
	shown.Query = sqltext.Masked(h.dialect, event.Query, querylog.LongestStatement)
	shown.QueryTemplate, shown.QueryArgs = shown.Query, nil
	if failed {
		shown.Err = hiddenError(h.judge.TextWithoutValues(event.Err))
	}
	h.QueryHook.AfterQuery(ctx, &shown)
}

// hiddenError is what remains of an error whose text held values.
type hiddenError string

func (e hiddenError) Error() string { return string(e) }

// lineWriter logs what is written to it, one line for each call.
type lineWriter struct{ log *zap.Logger }

var _ io.Writer = lineWriter{}

// Write drops colours and, since values may stand in the text, every other
// control character, so that a value can't look like a line of its own.
func (w lineWriter) Write(p []byte) (int, error) {
	w.log.Info(strings.TrimSpace(plainText(string(p))))
	return len(p), nil
}

// plainText drops the terminal's escape sequences and turns other control
// characters into spaces.
func plainText(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == 0x1b && i+1 < len(text) && text[i+1] == '[':
			for i += 2; i < len(text) && (text[i] < '@' || text[i] > '~'); i++ {
			}
		case c < ' ' || c == 0x7f:
			b.WriteByte(' ')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
