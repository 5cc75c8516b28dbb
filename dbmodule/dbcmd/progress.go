package dbcmd

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/openhands-go/server/dbmodule/migrate"
)

// progress reports what a run does: one line for each revision, as in Alembic's log.
// For long work it shows a bar on a terminal, and elsewhere writes a line every few
// seconds.
type progress struct {
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	last     time.Time // when the last line was written
}

// tellAgain is the least time between two lines about the same work.
const tellAgain = 5 * time.Second

func newProgress(out io.Writer) *progress {
	return &progress{out: out, terminal: isTerminal(out)}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && file != nil && term.IsTerminal(int(file.Fd()))
}

// report shows an event of the migrator, which calls it in the command's goroutine.
func (p *progress) report(e migrate.Progress) {
	switch e.Phase {
	case migrate.PhaseWaiting:
		p.waiting(e)
	case migrate.PhaseRunning:
		p.line("Running %s %s", e.Step.Direction, e.Step)
		p.begin(e)
	case migrate.PhaseStatement:
		p.statement(e)
	case migrate.PhaseRetry:
		p.line("  trying again after %s: %s", e.Elapsed.Round(time.Second), e.Detail)
	case migrate.PhaseDone:
		p.finish()
		if e.Elapsed >= tellAgain {
			p.line("  done after %s", e.Elapsed.Round(time.Second))
		}
	}
}

func (p *progress) waiting(e migrate.Progress) {
	if time.Since(p.last) < tellAgain {
		return
	}
	who := e.Detail
	if who == "" {
		who = "another process that migrates this database"
	}
	if so := e.Elapsed.Round(time.Second); so > 0 {
		who += fmt.Sprintf(", for %s so far", so)
	}
	p.line("Waiting for %s", who)
}

// begin draws the bar of a revision.
func (p *progress) begin(e migrate.Progress) {
	if !p.terminal || e.Statements == 0 {
		return
	}
	p.bar = progressbar.NewOptions(e.Statements,
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetDescription(fmt.Sprintf("  revision %d of %d, statements", e.Index, e.Total)),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish(),
	)
}

func (p *progress) statement(e migrate.Progress) {
	if p.bar != nil {
		_ = p.bar.Set(e.Statement) // a bar that can't be drawn is no reason to stop
		return
	}
	if time.Since(p.last) < tellAgain {
		return
	}
	if e.Statements == 0 {
		p.line("  %s and %s looked at after %s", plural(e.Statement, "piece"), plural(int(e.Rows), "row"), e.Elapsed.Round(time.Second))
	} else {
		p.line("  statement %d of %d done after %s", e.Statement, e.Statements, e.Elapsed.Round(time.Second))
	}
}

// finish removes the bar. The line of the revision stays.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Clear() // an error is ignored, as in statement
		p.bar = nil
	}
}

func (p *progress) line(format string, args ...any) {
	p.finish()
	_, _ = fmt.Fprintf(p.out, format+"\n", args...) // if standard error fails, the message is lost
	p.last = time.Now()
}
