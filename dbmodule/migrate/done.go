package migrate

import (
	"slices"
	"strconv"
	"strings"
)

// The history records the hashes of the statements that are done. To keep the record of a
// long revision small, 128 hashes at a time are replaced by "128:" and one hash of all of them.

// doneTogether is how many hashes one hash replaces.
const doneTogether = 128

// complete records that a statement is done.
func (e *Entry) complete(text string) {
	e.StatementsDone++
	e.InDoubt, e.Error = "", ""
	hashes := append(strings.Fields(e.DoneHashes), hash(text))
	single := len(hashes)
	for single > 0 && !strings.Contains(hashes[single-1], ":") {
		single--
	}
	if len(hashes)-single == doneTogether {
		hashes = append(hashes[:single], strconv.Itoa(doneTogether)+":"+hash(strings.Join(hashes[single:], " ")))
	}
	e.DoneHashes = strings.Join(hashes, " ")
}

// matches returns an EditedError if the statements that are done are not the first statements of
// the work, because somebody has edited the revision.
func (e *Entry) matches(step Step, w work) error {
	hashes := strings.Fields(e.DoneHashes)
	if slices.Contains(step.Revision.Replaces, e.Checksum) && len(hashes) == e.StatementsDone && len(hashes) > len(w.statements) {
		// Replaces allows the old SQL. It had more statements, which are done.
		hashes = hashes[:len(w.statements)]
		e.StatementsDone, e.DoneHashes = len(hashes), strings.Join(hashes, " ")
	}
	at := 0
	for _, done := range hashes {
		n := 1
		if count, together, ok := strings.Cut(done, ":"); ok {
			var err error
			if n, err = strconv.Atoi(count); err != nil {
				n = len(w.statements) + 1
			}
			done = together
		}
		if at+n > len(w.statements) || done != hashOf(w.statements[at:at+n]) {
			return &EditedError{Revision: step.Revision, Direction: step.Direction, File: w.file, Index: at + 1, Last: at + n, Done: e.StatementsDone}
		}
		at += n
	}
	return nil
}

// hashOf returns the hash that DoneHashes has for these statements.
func hashOf(statements []Statement) string {
	hashes := make([]string, len(statements))
	for i, statement := range statements {
		hashes[i] = hash(statement.Text)
	}
	if len(hashes) == 1 {
		return hashes[0]
	}
	return hash(strings.Join(hashes, " "))
}
