package compiled

import (
	"strings"
)

const (
	// before stands before the values of an INSERT's first row, between those of two.
	before  = ") VALUES ("
	between = "), ("
)

// split finds what an INSERT repeats for each row: by how much it is longer for two rows
// than for one. Where that is not plain, it leaves the rows to Bun. mu is held.
func (q *Query) split(f *form) error {
	two, err := q.write(q.writer.samples(2))
	if err != nil {
		return nil //nolint:nilerr // what can't be written for two rows can be for one
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
