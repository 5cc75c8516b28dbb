package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// Status says how a history entry ended.
type Status string

// The values of Status.
const (
	// StatusRunning is work that has started and is not complete: it is running
	// now, failed in the middle, or its process was killed.
	StatusRunning Status = "running"
	// StatusDone is complete.
	StatusDone Status = "done"
	// StatusGivenUp is work that had started and was then settled by a stamp.
	StatusGivenUp Status = "given up"
)

// Entry is one entry of the history: a revision that was applied, taken back or
// stamped. It is a row of alembic_version_history, or of the table that
// [VersionTable] names instead.
type Entry struct {
	bun.BaseModel `bun:"table:alembic_version_history,alias:entry" json:"-"`

	ID        int64           `bun:"id,pk,autoincrement" json:"-"`
	Revision  string          `bun:"revision" json:"revision"`
	Direction graph.Direction `bun:"direction" json:"direction"`
	Status    Status          `bun:"status" json:"status"`
	// StartedAt is UTC. Duration does not include waiting for the lock; if there
	// were several runs, it is the last run's.
	StartedAt time.Time     `bun:"started_at" json:"started_at"`
	Duration  time.Duration `bun:"duration_ns" json:"duration_ns"`
	// Build says which program did it.
	Build string `bun:"build" json:"build,omitempty"`
	// Checksum is the checksum of the upgrade's statements; "" for Go code and for
	// revisions that other tools stamped.
	Checksum string `bun:"checksum" json:"checksum,omitempty"`
	// StatementsDone of StatementsTotal are complete.
	StatementsDone  int `bun:"statements_done" json:"statements_done"`
	StatementsTotal int `bun:"statements_total" json:"statements_total"`
	// DoneHashes has a line for each completed statement. For a backfill
	// it has the position of the next piece, and StatementsDone counts pieces.
	DoneHashes string `bun:"done_hashes" json:"-"`
	// InDoubt is set while a statement outside any transaction is
	// running: its hash, a space, and the schema before it.
	InDoubt string `bun:"in_doubt" json:"-"`
	// Message, DownRevisions, DependsOn and BranchLabels are the revision's,
	// and DownSQL its downgrade, for builds that don't know the revision.
	Message       string `bun:"message" json:"message,omitempty"`
	DownRevisions string `bun:"down_revisions" json:"-"`
	DependsOn     string `bun:"depends_on" json:"-"`
	BranchLabels  string `bun:"branch_labels" json:"-"`
	// DownSQL is nil if the revision has no downgrade in SQL.
	DownSQL *string `bun:"down_sql" json:"-"`
	// Error is why it is not complete, without values of rows.
	Error string `bun:"error" json:"error,omitempty"`
}

// newEntry describes a step that begins now.
func newEntry(step Step, w work, build string) *Entry {
	entry := &Entry{
		Revision:        step.Revision.ID,
		Direction:       step.Direction,
		Status:          StatusRunning,
		StartedAt:       now(),
		Build:           build,
		Checksum:        w.checksum,
		StatementsTotal: len(w.statements),
		Message:         step.Revision.Message,
		DownRevisions:   strings.Join(step.Revision.DownRevisions, ", "),
		DependsOn:       strings.Join(step.Revision.DependsOn, ", "),
		BranchLabels:    strings.Join(step.Revision.BranchLabels, ", "),
		DownSQL:         w.downSQL,
	}
	return entry
}

// now is what every engine's column can hold.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// finish makes the entry that of complete work.
func (e *Entry) finish(w work) {
	e.Status, e.InDoubt, e.Error = StatusDone, "", ""
	e.Duration = now().Sub(e.StartedAt)
	e.StatementsDone, e.DoneHashes = len(w.statements), ""
}

// revision returns the revision that an entry of the history describes.
func (e *Entry) revision() *Revision {
	return &Revision{
		ID:            e.Revision,
		Message:       e.Message,
		DownRevisions: splitList(e.DownRevisions),
		DependsOn:     splitList(e.DependsOn),
		BranchLabels:  splitList(e.BranchLabels),
		CreateDate:    e.StartedAt,
	}
}

// hash names a statement's text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// checksum names the statements of a script.
func checksum(statements []Statement) string {
	var b strings.Builder
	for _, statement := range statements {
		if statement.NoTransaction {
			b.WriteString(directivePrefix + markNoTx + "\n")
		}
		b.WriteString(statement.Text + ";\n")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// splitList reads names that are separated by commas.
func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
