package httpmodule

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// RawJSON is JSON text. As a whole response body it is sent unchanged, byte for byte. Inside
// another value, encoding/json compacts it: assemble a body from several texts with [RawArray].
type RawJSON []byte

// MarshalJSON returns the bytes.
func (r RawJSON) MarshalJSON() ([]byte, error) { return r.bytes(), nil }

// Schema documents any JSON value.
func (RawJSON) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Description: "any JSON value"} }

func (r RawJSON) bytes() []byte {
	if len(r) == 0 {
		return []byte("null")
	}
	return r
}

// Raw is [RawJSON] that the API documentation describes as a T. Nothing
// checks that the bytes are one.
type Raw[T any] []byte

// MarshalJSON returns the bytes.
func (r Raw[T]) MarshalJSON() ([]byte, error) { return r.bytes(), nil }

// Schema documents a T.
func (Raw[T]) Schema(registry huma.Registry) *huma.Schema {
	return registry.Schema(reflect.TypeFor[T](), true, "")
}

func (r Raw[T]) bytes() []byte { return RawJSON(r).bytes() }

// RawArray joins JSON texts into the text of an array, each unchanged, byte for
// byte; an empty text becomes null.
func RawArray[T ~[]byte](items ...T) RawJSON {
	size := 2
	for _, item := range items {
		size += max(len(item), len("null")) + 1
	}
	array := append(make(RawJSON, 0, size), '[')
	for i, item := range items {
		if i > 0 {
			array = append(array, ',')
		}
		array = append(array, RawJSON(item).bytes()...)
	}
	return append(array, ']')
}

// encodeTo writes a value as JSON as FastAPI does: compact, without escapes for <, > and &, and
// without a newline at the end. It reports whether the value could be encoded; if not, nothing
// was written. before, if not nil, is called after the value was encoded and before it is
// written.
func encodeTo(w io.Writer, v any, before func()) (encoded bool, err error) {
	if raw, ok := v.(interface{ bytes() []byte }); ok {
		if before != nil {
			before()
		}
		_, err := w.Write(raw.bytes())
		return true, err
	}
	e, _ := encoders.Get().(*encoder)
	e.to, e.before, e.encoded = w, before, false
	err = e.json.Encode(v)
	encoded = e.encoded
	e.to, e.before = nil, nil
	if err == nil { // a json.Encoder that has failed returns the same error forever
		encoders.Put(e)
	}
	return encoded, err
}

// encoder is a json.Encoder and its io.Writer. json.Encoder calls Write once, with the whole value
// and a newline; Write leaves the newline out.
type encoder struct {
	json    *json.Encoder
	to      io.Writer
	before  func()
	encoded bool
}

var encoders = sync.Pool{New: func() any {
	e := new(encoder)
	e.json = json.NewEncoder(e)
	e.json.SetEscapeHTML(false)
	return e
}}

func (e *encoder) Write(p []byte) (int, error) {
	e.encoded = true
	if e.before != nil {
		e.before()
	}
	if _, err := e.to.Write(bytes.TrimSuffix(p, []byte("\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// jsonFormat is huma's format for JSON.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			body, ours := w.(*typedBody)
			before := (func())(nil)
			if ours {
				before = body.releaseSessions
			}
			encoded, err := encodeTo(w, v, before)
			switch {
			case err == nil || encoded:
				// If only the write has failed, the client has gone. The error is
				// dropped, because huma would panic.
				return nil
			case !ours:
				return err
			default:
				body.fail(err)
				return nil
			}
		},
		Unmarshal: json.Unmarshal,
	}
}

// echoJSON is Echo's JSONSerializer. It encodes a value before it sends anything, so that a value
// that can't be encoded is answered with an error and not with half a response.
type echoJSON struct{}

func (echoJSON) Serialize(c echo.Context, v any, indent string) error {
	var to io.Writer = c.Response()
	if indent != "" {
		to = indented{to: to, indent: indent}
	}
	encoded, err := encodeTo(to, v, nil)
	if err != nil && !encoded {
		// Echo has set it for the value that could not be encoded.
		c.Response().Header().Del(echo.HeaderContentType)
	}
	return err
}

// indented indents the JSON that is written to it.
type indented struct {
	to     io.Writer
	indent string
}

func (w indented) Write(p []byte) (int, error) {
	var lines bytes.Buffer
	if err := json.Indent(&lines, p, "", w.indent); err != nil {
		return 0, err
	}
	if _, err := lines.WriteTo(w.to); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (echoJSON) Deserialize(c echo.Context, v any) error {
	body, err := readBody(c.Request())
	if err != nil {
		return echoError(bodyReadFailed(err))
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return echoError(fromDecoding(io.EOF))
	}
	if err := json.Unmarshal(body, v); err != nil {
		return echoError(fromDecoding(err))
	}
	return nil
}

// echoError wraps an error in an echo.HTTPError. Echo's c.Bind returns that unchanged; it would
// wrap any other error in a 400.
func echoError(e *HTTPError) error {
	return &echo.HTTPError{Code: e.Status, Message: e.text(), Internal: e}
}

// sizedBody is a body of known length. When it is copied to a bytes.Buffer, the buffer gets that
// size at once, and does not grow in steps.
type sizedBody struct {
	io.ReadCloser
	length int64
}

// WriteTo copies the body.
func (b *sizedBody) WriteTo(w io.Writer) (int64, error) {
	buffer, ok := w.(*bytes.Buffer)
	if !ok {
		return io.Copy(w, b.ReadCloser)
	}
	buffer.Grow(int(b.length) + bytes.MinRead)
	return buffer.ReadFrom(b.ReadCloser)
}

// maxPreallocated is the largest buffer that is allocated because of a Content-Length alone.
const maxPreallocated = 64 << 10

// readBody reads the whole body, as io.ReadAll does, but allocates a buffer of Content-Length
// first. A body may be longer than that, if middleware decompresses it.
func readBody(r *http.Request) ([]byte, error) {
	size := int64(bytes.MinRead)
	if r.ContentLength > 0 && r.ContentLength <= maxPreallocated {
		size = r.ContentLength + 1 // one byte more, so that Read can return io.EOF
	}
	body := make([]byte, 0, size)
	for {
		if len(body) == cap(body) {
			body = slices.Grow(body, len(body))
		}
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, err
		}
	}
}
