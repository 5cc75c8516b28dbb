package httpmodule_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/httpmodule"
)

// untamed is JSON that encoding/json would change.
const untamed = `{ "b" : 12345678901234567890123, "b":1.0e+2,"a":"<\u0000\ud800&\u2028\/>" ,"c":[ ]}`

func TestRawJSON(t *testing.T) {
	t.Parallel()
	type value struct {
		Body httpmodule.RawJSON
	}
	type typed struct {
		Body httpmodule.Raw[validated]
	}
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			huma.Get(api, "/value", func(context.Context, *struct{}) (*value, error) { return &value{httpmodule.RawJSON(untamed)}, nil })
			huma.Get(api, "/typed", func(context.Context, *struct{}) (*typed, error) {
				return &typed{httpmodule.Raw[validated](untamed)}, nil
			})
			huma.Get(api, "/array", func(context.Context, *struct{}) (*value, error) {
				return &value{httpmodule.RawArray([]byte(untamed), nil, []byte("1"))}, nil
			})
			huma.Get(api, "/nothing", func(context.Context, *struct{}) (*value, error) { return &value{}, nil })
			e.GET("/plain", func(c echo.Context) error { return c.JSON(http.StatusOK, httpmodule.RawJSON(untamed)) })
		}
	})
	for path, body := range map[string]string{
		"/value": untamed, "/typed": untamed, "/plain": untamed,
		"/array": "[" + untamed + ",null,1]", "/nothing": "null",
	} {
		got := f.do(http.MethodGet, path, "", "Accept", "text/html, */*;q=0.5")
		assert.Equal(t, answer{200, got.header, body}, got, path)
		assert.Equal(t, "application/json", got.header.Get("Content-Type"), path)
		assert.Empty(t, got.header.Get("Link"))
	}
	assert.Equal(t, "[]", string(httpmodule.RawArray[[]byte]()))
}

func TestPathParametersAreUnescaped(t *testing.T) {
	t.Parallel()
	type input struct {
		Name string `path:"name"`
	}
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(_ *echo.Echo, api huma.API) {
			huma.Get(api, "/files/{name}", func(_ context.Context, in *input) (*textOutput, error) {
				return &textOutput{Status: 200, Body: in.Name}, nil
			})
		}
	})
	for sent, want := range map[string]string{"a%2Fb%20c": "a/b c", "a%20b": "a b", "100%25": "100%", "%25%2F": "%/"} {
		assert.Equal(t, `"`+want+`"`, f.do(http.MethodGet, "/files/"+sent, "").body, sent)
	}
}
