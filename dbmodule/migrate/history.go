package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// Status says whether the work of a history entry is complete.
type Status string

// The values of Status.
const (
	// StatusRunning is work that has begun and is not complete: it is running now, a
	// statement failed, or its process was killed.
	StatusRunning Status = "running"
	// StatusDone is work that is complete.
	StatusDone Status = "done"
	// StatusGivenUp is work that was not complete when somebody stamped the database.
	StatusGivenUp Status = "given up"
)

// Entry is one entry of the history: a revision that was upgraded, downgraded or
// stamped. It is a row of alembic_version_history, or of the table that
// [VersionTable] names instead.
type Entry struct {
	bun.BaseModel `bun:"table:alembic_version_history,alias:entry" json:"-"`

	ID        int64           `bun:"id,pk,autoincrement" json:"-"`
	Revision  string          `bun:"revision" json:"revision"`
	Direction graph.Direction `bun:"direction" json:"direction"`
	Status    Status          `bun:"status" json:"status"`
	// StartedAt is when the last run of the step began, in UTC. Duration is how long
	// that run took.
	StartedAt time.Time     `bun:"started_at" json:"started_at"`
	Duration  time.Duration `bun:"duration_ns" json:"duration_ns"`
	// Build names the program, and its version, that ran the step.
	Build string `bun:"build" json:"build,omitempty"`
	// Checksum is the checksum of the upgrade's statements; "" for Go code and for
	// revisions that other tools stamped.
	Checksum string `bun:"checksum" json:"checksum,omitempty"`
	// StatementsDone is how many of the StatementsTotal statements are complete. For a
	// backfill it counts pieces.
	StatementsDone  int `bun:"statements_done" json:"statements_done"`
	StatementsTotal int `bun:"statements_total" json:"statements_total"`
	// DoneHashes has the hashes of the completed statements, separated by spaces. For a
	// backfill it has the position of the next piece.
	DoneHashes string `bun:"done_hashes" json:"-"`
	// InDoubt is set while a statement runs outside a transaction: it is the statement's
	// hash, a space, and a fingerprint of the schema before the statement. It is "rows"
	// if tables without transactions may have kept rows of a group that was rolled back.
	InDoubt string `bun:"in_doubt" json:"-"`
	// Message, DownRevisions, DependsOn and BranchLabels are the revision's,
	// and DownSQL its downgrade, for builds that don't know the revision.
	Message       string `bun:"message" json:"message,omitempty"`
	DownRevisions string `bun:"down_revisions" json:"-"`
	DependsOn     string `bun:"depends_on" json:"-"`
	BranchLabels  string `bun:"branch_labels" json:"-"`
	// DownSQL is nil if the revision has no downgrade in SQL.
	DownSQL *string `bun:"down_sql" json:"-"`
	// Error is the reason why the work is not complete, without values of rows.
	Error string `bun:"error" json:"error,omitempty"`
}

// newEntry returns the entry of a step that begins now.
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

// now returns the present time, rounded down to what a column of every engine can hold.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// finish marks the entry's work as complete.
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

// hash returns a hash of a statement's text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// checksum returns the checksum of a script's statements.
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

// splitList splits a list of names at its commas.
func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
