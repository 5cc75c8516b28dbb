package httpmodule

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// RawJSON is a response body of any JSON that is sent byte for byte as it is;
// encoding/json would compact it. Only a whole body is: inside another value
// it is compacted. Assemble larger bodies from parts with [RawArray].
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

// RawArray joins JSON texts to the text of an array, each byte for byte as it
// is; one without bytes becomes null.
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

// encode turns a value into JSON the way FastAPI does: compact, <, > and & as
// they are, no newline at the end.
func encode(v any) ([]byte, error) {
	if raw, ok := v.(interface{ bytes() []byte }); ok {
		return raw.bytes(), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// jsonFormat is huma's view of JSON.
func jsonFormat() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			b, err := encode(v)
			body, ours := w.(*typedBody)
			if err != nil {
				if !ours {
					return err
				}
				body.fail(err)
				return nil
			}
			if ours {
				body.complete()
			}
			// A failing write means that the client has gone: nothing that
			// huma could do about it, and it would panic.
			_, _ = w.Write(b)
			return nil
		},
		Unmarshal: json.Unmarshal,
	}
}

// echoJSON is Echo's view of JSON. It encodes before anything is sent, so
// that a value that does not encode is an error and not half a response.
type echoJSON struct{}

func (echoJSON) Serialize(c echo.Context, v any, indent string) error {
	b, err := encode(v)
	if err != nil {
		// Echo has set it for the response that is not to be.
		c.Response().Header().Del(echo.HeaderContentType)
		return err
	}
	if indent != "" {
		var indented bytes.Buffer
		if err := json.Indent(&indented, b, "", indent); err != nil {
			return err
		}
		b = indented.Bytes()
	}
	_, err = c.Response().Write(b)
	return err
}

func (echoJSON) Deserialize(c echo.Context, v any) error {
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return bodyUnread(err)
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return fromDecoding(io.EOF)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fromDecoding(err)
	}
	return nil
}
