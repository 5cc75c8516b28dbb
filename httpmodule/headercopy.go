package httpmodule

import (
	"net/http"
	"slices"
)

// headerCopy is a header as it was at one moment. That of a response has few
// entries before its handler runs, for which there is room in it.
type headerCopy struct {
	few  [6]headerEntry
	n    int
	many http.Header // instead, nil for few
}

// headerEntry has a value of its own: who writes into a header in place does not
// reach it.
type headerEntry struct {
	name   string
	one    [1]string
	values []string // instead, unless single is set
	single bool
}

func (h *headerCopy) take(header http.Header) {
	h.n, h.many = 0, nil
	if len(header) > len(h.few) {
		h.many = header.Clone()
		return
	}
	for name, values := range header {
		entry := &h.few[h.n]
		h.n++
		if entry.name, entry.single = name, len(values) == 1; entry.single {
			entry.one[0] = values[0]
		} else {
			entry.values = slices.Clone(values)
		}
	}
}

// restore makes a header what it was.
func (h *headerCopy) restore(header http.Header) {
	clear(header)
	for name, values := range h.many {
		header[name] = values
	}
	for i := range h.few[:h.n] {
		entry := &h.few[i]
		if header[entry.name] = entry.values; entry.single {
			header[entry.name] = entry.one[:]
		}
	}
}
