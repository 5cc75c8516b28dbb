package httpmodule

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// smallestCompressed is what is worth the work.
const smallestCompressed = 1 << 10

// compressedTypes are text. A stream of events is none of them: it is sent as it comes.
var compressedTypes = []string{
	"application/json", "application/problem+json", "application/x-ndjson", "application/javascript",
	"text/html", "text/css", "text/plain", "text/csv", "text/javascript", "image/svg+xml",
}

// gzipWriters are writers to use again: each has some 800 KiB.
var gzipWriters = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one of those that there are
	return w
}}

// compression is what a response has while its body is compressed, or may be yet.
type compression struct {
	// held is the status of a header that waits for the first KiB of the body, 0
	// for none.
	held    int
	pending []byte
	writer  *gzip.Writer
}

// hold keeps the header back if the body may be compressed.
func (w *response) hold(status int) bool {
	header := w.Header()
	if !w.request.server.config.Compress || w.head != nil || !hasText(status, header) {
		return false
	}
	switch vary := header["Vary"]; {
	case vary == nil:
		w.vary[0] = "Accept-Encoding"
		header["Vary"] = w.vary[:]
	case !slices.Contains(vary, "Accept-Encoding"):
		header.Add("Vary", "Accept-Encoding")
	}
	if !takesGzip(w.request.http.Header) || guessable(w.request.http) {
		return false
	}
	w.gzip.held = status
	return true
}

// writeHeld writes a part of a body whose header is held, and compresses once it is
// long enough.
func (w *response) writeHeld(b []byte) (int, error) {
	w.gzip.pending = append(w.gzip.pending, b...)
	if len(w.gzip.pending) < smallestCompressed {
		return len(b), nil
	}
	header := w.Header()
	header.Set("Content-Encoding", "gzip")
	header.Del("Content-Length")
	header.Del("Accept-Ranges")
	w.gzip.writer = gzipWriters.Get().(*gzip.Writer)
	w.gzip.writer.Reset(w.ResponseWriter)
	pending := w.gzip.pending
	w.ResponseWriter.WriteHeader(w.gzip.held)
	w.gzip.held, w.gzip.pending = 0, nil
	if _, err := w.gzip.writer.Write(pending); err != nil {
		return 0, err
	}
	return len(b), nil
}

// releaseHeld sends what is held as it is.
func (w *response) releaseHeld() {
	if w.gzip.held == 0 {
		return
	}
	w.ResponseWriter.WriteHeader(w.gzip.held)
	if len(w.gzip.pending) > 0 {
		_, _ = w.ResponseWriter.Write(w.gzip.pending) // a client that is gone needs no answer
	}
	w.gzip.held, w.gzip.pending = 0, nil
}

// finishGzip ends the body.
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

// hasText tells the responses that are worth compressing.
func hasText(status int, header http.Header) bool {
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
	return err == nil && slices.Contains(compressedTypes, kind)
}

// takesGzip tells the clients that say so.
func takesGzip(header http.Header) bool {
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

// guessable tells the requests whose answers' lengths others could learn from. The length
// of a compressed answer tells something about what is in it (the attacks are called CRIME
// and BREACH): an attacker has the victim's browser ask again and again, with other
// guesses in the request, and watches the lengths. That takes requests of other sites,
// or such to which the browser adds by itself what proves who the victim is: cookies.
func guessable(r *http.Request) bool {
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
