package httpmodule

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// minCompressed is the size of the smallest body that is compressed.
const minCompressed = 1 << 10

// compressibleTypes are the media types that are compressed. text/event-stream is not among them,
// because each event must be sent at once.
var compressibleTypes = []string{
	"application/json", "application/problem+json", "application/x-ndjson", "application/javascript",
	"text/html", "text/css", "text/plain", "text/csv", "text/javascript", "image/svg+xml",
}

// gzipWriters is a pool, because each writer has buffers of some 800 KiB.
var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for an unknown level
	return w
}}

// compression is the state of a response's compression.
type compression struct {
	// heldStatus is the status of a header that is held back until the first KiB of the body
	// is written. It is 0 if no header is held back.
	heldStatus int
	pending    []byte
	writer     *gzip.Writer
}

// hold holds the header back if the body may be compressed, and reports whether it does.
func (w *response) hold(status int) bool {
	header := w.Header()
	if !w.request.server.config.Compress || w.head != nil || !compressible(status, header) {
		return false
	}
	switch vary := header["Vary"]; {
	case vary == nil:
		w.vary[0] = "Accept-Encoding"
		header["Vary"] = w.vary[:]
	case !slices.Contains(vary, "Accept-Encoding"):
		header.Add("Vary", "Accept-Encoding")
	}
	if !acceptsGzip(w.request.http.Header) || lengthLeaks(w.request.http) {
		return false
	}
	w.gzip.heldStatus = status
	return true
}

// writeHeld buffers a part of a body whose header is held back. Once the buffer reaches
// minCompressed, it sends the header and begins to compress.
func (w *response) writeHeld(b []byte) (int, error) {
	w.gzip.pending = append(w.gzip.pending, b...)
	if len(w.gzip.pending) < minCompressed {
		return len(b), nil
	}
	header := w.Header()
	header.Set("Content-Encoding", "gzip")
	header.Del("Content-Length")
	header.Del("Accept-Ranges")
	w.gzip.writer = gzipWriters.Get().(*gzip.Writer)
	w.gzip.writer.Reset(w.ResponseWriter)
	pending := w.gzip.pending
	w.ResponseWriter.WriteHeader(w.gzip.heldStatus)
	w.gzip.heldStatus, w.gzip.pending = 0, nil
	if _, err := w.gzip.writer.Write(pending); err != nil {
		return 0, err
	}
	return len(b), nil
}

// releaseHeld sends a header that is held back, and the buffered body without compression.
func (w *response) releaseHeld() {
	if w.gzip.heldStatus == 0 {
		return
	}
	w.ResponseWriter.WriteHeader(w.gzip.heldStatus)
	if len(w.gzip.pending) > 0 {
		_, _ = w.ResponseWriter.Write(w.gzip.pending) // a client that is gone needs no answer
	}
	w.gzip.heldStatus, w.gzip.pending = 0, nil
}

// finishGzip sends the rest of the body.
func (w *response) finishGzip() {
	w.releaseHeld()
	if w.gzip.writer == nil {
		return
	}
	_ = w.gzip.writer.Close() // fails if the client has gone
	w.gzip.writer.Reset(nil)
	gzipWriters.Put(w.gzip.writer)
	w.gzip.writer = nil
}

// compressible reports whether a response with this status and header may be compressed.
func compressible(status int, header http.Header) bool {
	switch status {
	case http.StatusNoContent, http.StatusNotModified, http.StatusPartialContent, http.StatusSwitchingProtocols:
		return false
	}
	if header.Get("Content-Encoding") != "" || header.Get("Content-Range") != "" || strings.Contains(header.Get("Cache-Control"), "no-transform") {
		return false
	}
	sent := header.Get("Content-Type")
	if sent == "application/json" {
		return true // most answers
	}
	kind, _, err := mime.ParseMediaType(sent)
	return err == nil && slices.Contains(compressibleTypes, kind)
}

// acceptsGzip reports whether the client's Accept-Encoding allows gzip.
func acceptsGzip(header http.Header) bool {
	for _, values := range header.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(values, ",") {
			name, quality, _ := strings.Cut(strings.TrimSpace(coding), ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return strings.Trim(strings.TrimPrefix(strings.TrimSpace(quality), "q="), "0.") != "" || quality == ""
			}
		}
	}
	return false
}

// lengthLeaks reports whether the length of a compressed answer could tell an attacker something
// about its content. In such an attack (CRIME, BREACH) a page of the attacker's makes the
// victim's browser send many requests with different guesses, and the attacker watches the
// lengths of the answers. This takes requests from other sites, or requests that the browser
// authenticates by itself, with cookies.
func lengthLeaks(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return true
	}
	for _, cookie := range r.Cookies() {
		if cookie.Name != cookieWriteToken {
			return true
		}
	}
	return false
}
