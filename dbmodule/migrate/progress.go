package migrate

import "time"

// Phase says what a [Progress] is about.
type Phase int

// The phases of a run.
const (
	// PhaseWaiting is reported every few seconds while another process migrates.
	PhaseWaiting Phase = iota
	// PhaseRunning is reported before each revision.
	PhaseRunning
	// PhaseStatement is reported after each statement of a revision, and after each
	// piece of a backfill.
	PhaseStatement
	// PhaseDone is reported after each revision.
	PhaseDone
	// PhaseRetry is reported before a revision, or on MySQL a statement, is tried
	// again after a conflict with other transactions.
	PhaseRetry
)

// Progress says how far a run is.
type Progress struct {
	Phase Phase
	// Step is the step that is running; it is empty while waiting.
	Step Step
	// Index counts the steps of the run from 1 to Total.
	Index, Total int
	// Statement is how many of the step's statements are complete, and Statements how
	// many it has. For a backfill, Statement counts pieces, and Statements is 0.
	Statement, Statements int
	// Rows is how many rows a backfill has examined in this run.
	Rows int64
	// Elapsed is the time since the wait, or the step, began.
	Elapsed time.Duration
	// Detail says which process the run waits for, or why it tries again; "" if that is
	// not known.
	Detail string
}

// ProgressFunc receives the progress of a run, in the goroutine that runs it.
type ProgressFunc func(Progress)
