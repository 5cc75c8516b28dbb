package prepared

import "github.com/openhands-go/server/dbmodule/internal/sqltext"

// TextOf is how a statement is prepared, "" for one that runs as text; args are its
// values.
func TextOf(d sqltext.Dialect, text string) (prepared string, args []any) {
	s := Recognise(d, text)
	if s == nil {
		return "", nil
	}
	defer s.Release()
	for _, arg := range s.Arguments(nil) {
		args = append(args, arg.Value)
	}
	return s.prepared(), args
}

// Size is how many bytes of statements are remembered.
func (s *Shapes) Size() (n int) {
	for _, generation := range []map[string]*Shape{s.young, s.old} {
		for key, shape := range generation {
			n += len(key) + len(shape.Text)
		}
	}
	return n
}

// Complete is what Parameters.Admit asks.
func Complete(text string, oid uint32) bool { return complete(text, oid) }

// Recognised is what came of a text: how it is prepared, its key, its values and whether it
// returns rows. It releases the statement.
func Recognised(s *Statement) (all [4]any) {
	if s == nil {
		return all
	}
	defer s.Release()
	var args []any
	for _, arg := range s.Arguments(nil) {
		args = append(args, arg.Value)
	}
	return [4]any{s.prepared(), string(s.key), args, s.ReturnsRows()}
}

// Readings is how many kinds of values a pattern knows.
func (p *Pattern) Readings() int { return len(p.readings) }
