package httpmodule

import "net/http"

// headerCopy is a header as it was at one moment. That of a response has few
// entries before its handler runs, for which there is room in it.
type headerCopy struct {
	few  [4]headerEntry
	n    int
	many http.Header // instead, nil for few
}

type headerEntry struct {
	name   string
	values []string
}

func (h *headerCopy) take(header http.Header) {
	h.n, h.many = 0, nil
	if len(header) > len(h.few) {
		h.many = header.Clone()
		return
	}
	for name, values := range header {
		h.few[h.n] = headerEntry{name, values} // with their number: what is added later stays away
		h.n++
	}
}

// restore makes a header what it was.
func (h *headerCopy) restore(header http.Header) {
	clear(header)
	for name, values := range h.many {
		header[name] = values
	}
	for _, entry := range h.few[:h.n] {
		header[entry.name] = entry.values
	}
}
