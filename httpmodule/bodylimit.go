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

// bodyUnread is the answer when reading the body fails.
func bodyUnread(err error) *HTTPError {
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

// limitBody refuses bodies beyond the limit: at once when the length is
// announced, else where the handler reads past the limit.
// What is larger than small comes out of the server's budget.
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
		body = &countedBody{ReadCloser: body, share: share, paid: smallBody}
	case r.ContentLength > smallBody:
		if err := share.take(r.Context(), r.ContentLength); err != nil {
			return err
		}
	}
	r.Body = clientBody{body}
	return nil
}

// clientBody marks its errors as the client's, wherever a handler reads it.
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
	// net/http swallows this much of a body that nobody read.
	swallowed = 256 << 10
	// restLimit and restTimeout bound what is read to be thrown away.
	restLimit   = 32 << 20
	restTimeout = 5 * time.Second
)

// discardRest reads what a client still sends of a large body before it is
// answered an error: one that is busy sending may see its connection reset
// and never learn the reason.
func discardRest(r *http.Request, body io.Reader, w http.ResponseWriter) {
	if body == nil || body == http.NoBody || r.ContentLength >= 0 && r.ContentLength <= swallowed {
		return
	}
	if r.Header.Get("Expect") != "" {
		return // such a client waits for the answer before it sends
	}
	// net/http sets the deadline anew for the connection's next request.
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(restTimeout)); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, body, restLimit) // best effort
}
