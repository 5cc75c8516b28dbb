package compiled

import (
	"strings"
)

const (
	// before is the text before the values of an INSERT's first row, between the text between
	// two rows.
	before  = ") VALUES ("
	between = "), ("
)

// split finds the part of an INSERT that is repeated for each row, by comparing the text for
// two rows with the text for one. If it does not find it, Bun's builder writes an INSERT of
// several rows. The caller holds mu.
func (q *Query) split(f *form) error {
	two, err := q.write(q.writer.samples(2))
	if err != nil {
		return nil //nolint:nilerr // one row can be written
	}
	single, double := f.one.marked(), two.marked()
	from := strings.Index(single, before)
	length := len(double) - len(single) - len(between)
	if from += len(before); from < len(before) || length < 0 || from+length > len(single) {
		return nil
	}
	head, row, tail := single[:from], single[from:from+length], single[from+length:]
	if head+row+between+row+tail != double || strings.Contains(head, mark) || strings.Contains(tail, mark) {
		return nil
	}
	parts := [3]template{}
	for i, text := range [...]string{head, row, tail} {
		if parts[i], err = q.writer.template(text); err != nil {
			return err
		}
	}
	f.head, f.row, f.tail = &parts[0], &parts[1], &parts[2]
	return nil
}

// marked is the text with marks.
func (t *template) marked() string {
	var b []byte
	for i, f := range t.fields {
		b = appendMark(append(b, t.parts[i]...), f.Name)
	}
	return string(append(b, t.parts[len(t.fields)]...))
}
