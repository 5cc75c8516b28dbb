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

// RawJSON is a response body of any JSON that is sent unchanged, byte for byte;
// encoding/json would compact it. This holds only for a whole body: inside another
// value it is compacted. Assemble larger bodies from parts with [RawArray].
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

// encodeTo writes a value as JSON the way FastAPI does: compact, <, > and & as
// they are, no newline at the end. It reports whether the value was encoded: an error
// otherwise is the value's, and nothing was written. before, if not nil, is called
// between the two.
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
	if err == nil { // one that failed stays so
		encoders.Put(e)
	}
	return encoded, err
}

// encoder is a json.Encoder to use again, and what that writes to: the value as a whole
// and a newline, which is left out.
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

// jsonFormat is huma's view of JSON.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			body, ours := w.(*typedBody)
			before := (func())(nil)
			if ours {
				before = body.complete
			}
			encoded, err := encodeTo(w, v, before)
			switch {
			case err == nil || encoded:
				// A failing write means that the client has gone: nothing that
				// huma could do about it, and it would panic.
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

// echoJSON is Echo's view of JSON. It encodes before anything is sent, so
// that a value that does not encode is an error and not half a response.
type echoJSON struct{}

func (echoJSON) Serialize(c echo.Context, v any, indent string) error {
	var to io.Writer = c.Response()
	if indent != "" {
		to = indented{to: to, indent: indent}
	}
	encoded, err := encodeTo(to, v, nil)
	if err != nil && !encoded {
		// Echo has set it for the response that is not to be.
		c.Response().Header().Del(echo.HeaderContentType)
	}
	return err
}

// indented writes JSON in lines.
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
		return echoError(bodyUnread(err))
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return echoError(fromDecoding(io.EOF))
	}
	if err := json.Unmarshal(body, v); err != nil {
		return echoError(fromDecoding(err))
	}
	return nil
}

// echoError is an error as Echo's binder passes it on: c.Bind returns it with the
// status that the client is answered, and not as a 400 around it.
func echoError(e *HTTPError) error {
	return &echo.HTTPError{Code: e.Status, Message: e.text(), Internal: e}
}

// sizedBody is a body of known length. Who copies it to memory sets that much aside at
// once, instead of twice as much in growing.
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

// announced bounds what is set aside for a body by the length that its client
// announces.
const announced = 64 << 10

// readBody is io.ReadAll, for most bodies without growing. A body may be longer than its client
// announced: middleware decompresses it.
func readBody(r *http.Request) ([]byte, error) {
	size := int64(bytes.MinRead)
	if r.ContentLength > 0 && r.ContentLength <= announced {
		size = r.ContentLength + 1 // one more, in which the end is found
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
