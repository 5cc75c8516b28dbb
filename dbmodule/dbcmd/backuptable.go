package dbcmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/openhands-go/server/dbmodule/backup"
)

// backupTable returns a table for people with the content of a backup.
func backupTable(what string, r backup.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s  %s\n", what, r.Path)
	fmt.Fprintf(&b, "size      %s, in %s\n", size(r.Bytes), rounded(r.Took))
	verified := "integrity and foreign keys"
	if r.Dangling > 0 {
		verified = fmt.Sprintf("integrity; %s to nothing, as in the database", plural(r.Dangling, "foreign key refers"))
	}
	fmt.Fprintf(&b, "verified  %s\n", verified)
	fmt.Fprintf(&b, "at        %s\n", names(r.Revisions, "base"))
	label := "rows"
	for _, table := range r.Tables {
		fmt.Fprintf(&b, "%-8s  %8d  %s\n", label, table.Rows, table.Name)
		label = ""
	}
	return b.String()
}

// size formats a number of bytes with a unit, for people.
func size(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, units := float64(bytes)/unit, "KMGTPE"
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", value, units[0])
}

// copyBar shows the progress of a copy on a terminal. When the copy is complete, it says that the
// verification begins, which takes as long again.
type copyBar struct {
	out       io.Writer
	bar       *progressbar.ProgressBar
	verifying bool
}

func newCopyBar(out io.Writer) *copyBar { return &copyBar{out: out} }

func (c *copyBar) report(done, total int) {
	if done == total && !c.verifying {
		c.verifying = true
		c.finish()
		_, _ = fmt.Fprintln(c.out, "Verifying the copy") // if standard error fails, the message is lost
		return
	}
	if !isTerminal(c.out) {
		return
	}
	if c.bar == nil {
		c.bar = progressbar.NewOptions(total,
			progressbar.OptionSetWriter(c.out),
			progressbar.OptionSetDescription("  pages"),
			progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(),
			progressbar.OptionClearOnFinish(),
		)
	}
	_ = c.bar.Set(done) // a bar that can't be drawn is no reason to stop
}

func (c *copyBar) finish() {
	if c.bar != nil {
		_ = c.bar.Clear() // an error is ignored, as in report
		c.bar = nil
	}
}
