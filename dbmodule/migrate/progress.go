package migrate

import "time"

// Phase says what a [Progress] is about.
type Phase int

// The phases of a run.
const (
	// PhaseWaiting comes every few seconds while another process migrates.
	PhaseWaiting Phase = iota
	// PhaseRunning comes before each revision.
	PhaseRunning
	// PhaseStatement comes after each statement of a revision.
	PhaseStatement
	// PhaseDone comes after each revision.
	PhaseDone
	// PhaseRetry comes before a revision, or on MySQL a statement, is tried
	// again because others held a lock for too long.
	PhaseRetry
)

// Progress says how far a run is.
type Progress struct {
	Phase Phase
	// Step is the step that is running; it is empty while waiting.
	Step Step
	// Index counts the steps of the run from 1 to Total.
	Index, Total int
	// Statement counts the step's statements that are complete.
	// Of a backfill Statement counts pieces, and Statements is 0.
	Statement, Statements int
	// Rows is how many rows a backfill has examined in this run.
	Rows int64
	// Elapsed is the time since the wait, or the step, began.
	Elapsed time.Duration
	// Detail says what the run waits for, or why it tries something again, as far
	// as that is known.
	Detail string
}

// ProgressFunc receives the progress of a run, in the goroutine that runs it.
type ProgressFunc func(Progress)
