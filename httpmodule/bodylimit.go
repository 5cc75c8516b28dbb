package httpmodule

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
)

func bodyTooLarge(limit int64) *HTTPError {
	return &HTTPError{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("The request body is larger than %d bytes", limit),
	}
}

// bodyReadFailed is the answer when reading the body fails.
func bodyReadFailed(err error) *HTTPError {
	var tooLarge *http.MaxBytesError
	var netError net.Error
	switch {
	case errors.Is(err, errNoMemory):
		return noMemory(err)
	case errors.As(err, &tooLarge):
		return bodyTooLarge(tooLarge.Limit)
	case errors.As(err, &netError) && netError.Timeout():
		return &HTTPError{Status: http.StatusRequestTimeout, Detail: "The request body did not arrive in time"}
	default:
		return &HTTPError{Status: http.StatusBadRequest, Detail: "The request body is incomplete"}
	}
}

// limitBody refuses a body above the limit: at once if its Content-Length is too large, or
// else when the handler reads past the limit. It reserves memory in the server's budget for a
// body above smallBody.
func limitBody(c echo.Context, limits Limits, share *share) error {
	r, limit := c.Request(), limits.BodyLimit
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if limit >= 0 && r.ContentLength > limit {
		return bodyTooLarge(limit)
	}
	body := r.Body
	if limit >= 0 {
		body = http.MaxBytesReader(nil, body, limit)
	}
	switch {
	case limits.BodyStreams:
	case r.ContentLength < 0:
		body = &countedBody{ReadCloser: body, share: share, reserved: smallBody}
	case r.ContentLength > smallBody:
		if err := share.reserve(r.Context(), r.ContentLength); err != nil {
			return err
		}
	}
	r.Body = clientBody{body}
	return nil
}

// clientBody wraps read errors in bodyError, so that they are answered as the client's fault
// and not as a 500.
type clientBody struct{ io.ReadCloser }

func (b clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = &bodyError{err}
	}
	return n, err
}

type bodyError struct{ cause error }

func (e *bodyError) Error() string { return "httpmodule: read the request's body: " + e.cause.Error() }
func (e *bodyError) Unwrap() error { return e.cause }

const (
	// discardedByNetHTTP is how much of an unread body net/http itself reads and discards.
	discardedByNetHTTP = 256 << 10
	// discardLimit and discardTimeout bound what discardRest reads.
	discardLimit   = 32 << 20
	discardTimeout = 5 * time.Second
)

// discardRest reads and discards the rest of a large body before an error is sent. Otherwise
// a client that is still sending could see its connection reset, and not the error.
func discardRest(r *http.Request, body io.Reader, w http.ResponseWriter) {
	if body == nil || body == http.NoBody || r.ContentLength >= 0 && r.ContentLength <= discardedByNetHTTP {
		return
	}
	if r.Header.Get("Expect") != "" {
		return // the client sends no body before it gets an answer
	}
	// net/http sets the deadline anew for the connection's next request.
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(discardTimeout)); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, body, discardLimit) // best effort
}
