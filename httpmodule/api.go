package httpmodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
)

// newAPI puts a huma API on the router. It turns off what huma adds to responses by
// default (links to schemas), and gives huma's errors this package's shape.
func (s *Server) newAPI(e *echo.Echo) huma.API {
	config := huma.Config{
		OpenAPI:       s.newDocument(),
		Formats:       map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.transform},
	}
	// Unknown members of a body are ignored, as FastAPI does: clients send some.
	config.AllowAdditionalPropertiesByDefault = true
	inner := humaecho.New(e, huma.Config{OpenAPI: &huma.OpenAPI{}}).Adapter()
	return huma.NewAPI(config, &adapter{Adapter: inner, server: s})
}

// transform is called for every value that huma encodes as a response. It converts
// errors to [HTTPError] and logs them: all errors of typed operations pass here.
func (s *Server) transform(hc huma.Context, _ string, v any) (any, error) {
	failure, ok := v.(huma.StatusError)
	if !ok {
		return v, nil
	}
	answer, ok := failure.(*HTTPError)
	if !ok {
		answer = fromHumaError(failure)
	}
	if r := requestOf(hc.Context()); r != nil {
		r.work.fail()
		s.logAnswer(r, answer)
	}
	hc.SetHeader("Content-Type", "application/json") // huma's own errors say problem+json
	return answer, nil
}

// huma calls one function for the errors that handlers return and for the errors that it
// finds itself. That function is a package variable of huma's. This replacement handles only
// requests of this package's servers, and calls the previous function for all others. It is
// set in init, because a later write could race with a request.
func init() {
	previous := huma.NewErrorWithContext
	huma.NewErrorWithContext = func(hc huma.Context, status int, message string, errs ...error) huma.StatusError {
		if hc != nil {
			if r := requestOf(hc.Context()); r != nil {
				return r.server.answerHuma(r, hc, status, message, errs)
			}
		}
		return previous(hc, status, message, errs...)
	}
}

// Messages of huma's errors, by which answerHuma recognises them.
const (
	humaHandlerFailed = "unexpected error occurred"
	humaBodyUnread    = "cannot read request body"
	humaBodyMissing   = "request body is required"
)

// answerHuma returns the answer to an error that huma reports.
func (s *Server) answerHuma(ctx context.Context, hc huma.Context, status int, message string, errs []error) *HTTPError {
	var answer *HTTPError
	switch {
	case message == humaHandlerFailed && len(errs) == 1:
		answer = s.resolve(ctx, errs[0])
	case message == humaBodyUnread && len(errs) == 1:
		answer = bodyReadFailed(errs[0])
	case message == humaBodyMissing:
		answer = invalid(missingBody())
	case status == http.StatusUnsupportedMediaType:
		answer = &HTTPError{Status: status, Detail: fmt.Sprintf(
			"A body of the type %q can't be read: send Content-Type: application/json", hc.Header("Content-Type"))}
	case status == http.StatusBadRequest || status == http.StatusUnprocessableEntity:
		answer = invalid(findings(status, errs)...)
	default:
		answer = &HTTPError{Status: status, Detail: http.StatusText(status)}
		if status < 500 {
			answer.Detail = message
		}
	}
	for name, values := range answer.Header {
		for _, value := range values {
			hc.SetHeader(name, value)
		}
	}
	return answer
}

// findings lists what huma found wrong with a request. A status of 400 means
// that the body is not JSON.
func findings(status int, errs []error) []FieldError {
	var fields []FieldError
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		switch {
		case err == nil:
		case !errors.As(err, &detailer):
			fields = append(fields, FieldError{Loc: []any{}, Msg: err.Error(), Type: "value_error"})
		default:
			detail := detailer.ErrorDetail()
			if status == http.StatusBadRequest && detail.Location == "body" {
				fields = append(fields, invalidJSON(detail.Message))
			} else {
				fields = append(fields, fieldError(detail))
			}
		}
	}
	return fields
}

// adapter is huma's adapter for Echo. It applies this package's limits and open routes.
type adapter struct {
	huma.Adapter
	server *Server
}

// Huma's default limits of an operation. An operation that still has them gets the
// server's limits instead.
const (
	humaMaxBodyBytes    = 1 << 20
	humaBodyReadTimeout = 5 * time.Second
)

// Handle registers an operation.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	if limits := limitsOf(op); limits != (Limits{}) {
		a.server.limits[routeKey{method: op.Method, path: echoPath(op.Path)}] = limits
	}
	op.MaxBodyBytes = -1
	if op.BodyReadTimeout == humaBodyReadTimeout {
		op.BodyReadTimeout = 0
	}
	a.Adapter.Handle(op, func(hc huma.Context) {
		typed := &typedContext{humaContext: hc}
		handler(typed)
		typed.body().sendHeader()
	})
	if op.Security != nil && len(op.Security) == 0 {
		a.server.openRoute(op.Method, echoPath(op.Path))
	}
}

// typedContext is huma's context. It delays the response's header until the first byte of
// the body is written, so that an error can still replace the response.
type typedContext struct {
	humaContext
	writer *typedBody
}

// humaContext is an alias, so that the embedded field does not hide huma.Context's method
// Context.
type humaContext = huma.Context

// Unwrap returns Echo's huma context; humaecho.Unwrap asks for it.
func (c *typedContext) Unwrap() huma.Context { return c.humaContext }

// Param returns a path parameter, unescaped. Echo leaves it escaped if the request has a
// URL.RawPath.
func (c *typedContext) Param(name string) string {
	value := c.humaContext.Param(name)
	if u := c.URL(); u.RawPath != "" {
		if unescaped, err := url.PathUnescape(value); err == nil {
			return unescaped
		}
	}
	return value
}

// Query returns a query parameter. If there are several with this name, it returns the last one, as
// FastAPI does. An empty one means that the parameter is not set, so others come before it.
func (c *typedContext) Query(name string) string {
	for _, value := range slices.Backward(humaecho.Unwrap(c.humaContext).QueryParams()[name]) {
		if value != "" {
			return value
		}
	}
	return ""
}

// BodyReader returns the request's body. A long body of known length is a sizedBody.
func (c *typedContext) BodyReader() io.Reader {
	r := humaecho.Unwrap(c.humaContext).Request()
	if r.Body == nil || r.ContentLength <= maxPreallocated {
		return c.humaContext.BodyReader()
	}
	return &sizedBody{ReadCloser: r.Body, length: r.ContentLength}
}

// SetStatus sets the status that sendHeader sends.
func (c *typedContext) SetStatus(status int) { c.body().status = status }

// Status returns the status that was set, or 0.
func (c *typedContext) Status() int { return c.body().status }

// BodyWriter returns the writer of the body; it is an http.ResponseWriter and
// an http.Flusher.
func (c *typedContext) BodyWriter() io.Writer { return c.body() }

func (c *typedContext) body() *typedBody {
	if c.writer == nil {
		c.writer = &typedBody{Response: humaecho.Unwrap(c.humaContext).Response(), ctx: c.Context()}
	}
	return c.writer
}

// typedBody is Echo's response. It keeps the status until sendHeader sends it.
type typedBody struct {
	*echo.Response
	ctx    context.Context
	status int
}

// Write sends part of the body, after the header.
func (b *typedBody) Write(p []byte) (int, error) {
	b.sendHeader()
	return b.Response.Write(p)
}

// Flush sends what is buffered.
func (b *typedBody) Flush() {
	b.sendHeader()
	b.Response.Flush()
}

// sendHeader sends the header if a status was set and the header was not sent yet.
func (b *typedBody) sendHeader() {
	if b.status != 0 && !b.Committed {
		b.WriteHeader(b.status)
	}
}

// releaseSessions closes the request's read-only sessions, because the whole body is encoded.
func (b *typedBody) releaseSessions() {
	if r := requestOf(b.ctx); r != nil {
		r.work.release()
	}
}

// fail answers with an error, because the response's value could not be encoded.
func (b *typedBody) fail(err error) {
	r := requestOf(b.ctx)
	if r == nil || b.Committed {
		return
	}
	r.work.fail()
	answer := r.server.resolve(r.workContext(), err)
	r.server.logAnswer(r, answer)
	answer.writeTo(b.Response)
}
