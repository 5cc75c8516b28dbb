package httpmodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"
)

// newAPI puts a huma API on the router. Nothing is added to responses, and
// errors have this package's shape.
func (s *Server) newAPI(e *echo.Echo) huma.API {
	config := huma.Config{
		OpenAPI:       s.newDocument(),
		Formats:       map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.transform},
	}
	// FastAPI ignores what it does not know, and clients send such things.
	config.AllowAdditionalPropertiesByDefault = true
	inner := humaecho.New(e, huma.Config{OpenAPI: &huma.OpenAPI{}}).Adapter()
	return huma.NewAPI(config, &adapter{Adapter: inner, server: s})
}

// transform sees every value that huma encodes as a response. Errors get
// their shape and are logged here, the only place that all of huma's pass.
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

// huma has one hook for the errors that handlers return and for those it
// finds itself, and it is a variable of its package. The replacement concerns
// requests of this package's servers only; all others get what was there
// before. It stands in init because at no later time would it be safe from
// data races.
func init() {
	others := huma.NewErrorWithContext
	huma.NewErrorWithContext = func(hc huma.Context, status int, message string, errs ...error) huma.StatusError {
		if hc != nil {
			if r := requestOf(hc.Context()); r != nil {
				return r.server.fromHuma(r, hc, status, message, errs)
			}
		}
		return others(hc, status, message, errs...)
	}
}

// Texts by which huma's hook tells what happened.
const (
	humaHandlerFailed = "unexpected error occurred"
	humaBodyUnread    = "cannot read request body"
	humaBodyMissing   = "request body is required"
)

// fromHuma gives an error of huma's its answer.
func (s *Server) fromHuma(ctx context.Context, hc huma.Context, status int, message string, errs []error) *HTTPError {
	var answer *HTTPError
	switch {
	case message == humaHandlerFailed && len(errs) == 1:
		answer = s.resolve(ctx, errs[0])
	case message == humaBodyUnread && len(errs) == 1:
		answer = bodyUnread(errs[0])
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

// adapter is huma's adapter for Echo, with this package's rules.
type adapter struct {
	huma.Adapter
	server *Server
}

// Defaults that huma gives every operation. The server has its own limits.
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
		typed.body().finish()
	})
	if op.Security != nil && len(op.Security) == 0 {
		a.server.openRoute(op.Method, echoPath(op.Path))
	}
}

// typedContext is huma's context with a response whose header leaves together
// with the first byte of the body: until then the response can change.
type typedContext struct {
	humaContext
	writer *typedBody
}

// humaContext is an embedding of huma.Context that leaves its method Context
// visible.
type humaContext = huma.Context

// Unwrap returns Echo's huma context; humaecho.Unwrap asks for it.
func (c *typedContext) Unwrap() huma.Context { return c.humaContext }

// Param returns a path parameter, unescaped: Echo leaves it escaped when the
// path as a whole has unusual escapes.
func (c *typedContext) Param(name string) string {
	value := c.humaContext.Param(name)
	if u := c.URL(); u.RawPath != "" {
		if unescaped, err := url.PathUnescape(value); err == nil {
			return unescaped
		}
	}
	return value
}

// BodyReader returns the request's body, which knows how long it will be.
func (c *typedContext) BodyReader() io.Reader {
	r := humaecho.Unwrap(c.humaContext).Request()
	if r.Body == nil || r.ContentLength <= announced {
		return c.humaContext.BodyReader()
	}
	return &sizedBody{ReadCloser: r.Body, length: r.ContentLength}
}

// SetStatus decides the status.
func (c *typedContext) SetStatus(status int) { c.body().status = status }

// Status returns what was decided, 0 when nothing was.
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

// typedBody is Echo's response, with a status that is decided before it is
// sent.
type typedBody struct {
	*echo.Response
	ctx    context.Context
	status int
}

// Write sends part of the body, after the header.
func (b *typedBody) Write(p []byte) (int, error) {
	b.finish()
	return b.Response.Write(p)
}

// Flush sends what is buffered.
func (b *typedBody) Flush() {
	b.finish()
	b.Response.Flush()
}

// finish sends the header if a status was decided and nothing was sent.
func (b *typedBody) finish() {
	if b.status != 0 && !b.Committed {
		b.WriteHeader(b.status)
	}
}

// complete says that the whole body is known: it needs no database any more.
func (b *typedBody) complete() {
	if r := requestOf(b.ctx); r != nil {
		r.work.release()
	}
}

// fail answers a value that does not encode.
func (b *typedBody) fail(err error) {
	r := requestOf(b.ctx)
	if r == nil || b.Committed {
		return
	}
	r.work.fail()
	answer := r.server.resolve(r.working(), err)
	r.server.logAnswer(r, answer)
	answer.writeTo(b.Response)
}
