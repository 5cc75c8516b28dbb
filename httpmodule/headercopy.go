package httpmodule

import (
	"net/http"
	"slices"
)

// headerCopy is a copy of an http.Header. A response has few headers before its handler runs:
// an array holds them, without an allocation.
type headerCopy struct {
	few  [6]headerEntry
	n    int
	many http.Header // used instead of few if there are more
}

// headerEntry is one header. It has a copy of the value, because a handler may change the
// header's slice in place.
type headerEntry struct {
	name   string
	one    [1]string
	values []string // used instead of one unless single is set
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

// restore sets header to the copy.
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
