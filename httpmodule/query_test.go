package httpmodule_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/httpmodule"
)

// Echo's handlers and typed operations get the parameters that FastAPI gets: none is lost because of
// a semicolon or a percent sign. The values are those of Python's parse_qsl.
func TestQueryIsReadAsFastAPIReadsIt(t *testing.T) {
	t.Parallel()
	type input struct {
		Q string `query:"q"`
		R string `query:"r"`
	}
	type output struct{ Body string }
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(e *echo.Echo, api huma.API) {
			e.GET("/echo", func(c echo.Context) error { return c.JSON(200, c.QueryParam("q")+" "+c.QueryParam("r")) })
			huma.Get(api, "/typed", func(_ context.Context, in *input) (*output, error) {
				return &output{Body: in.Q + " " + in.R}, nil
			})
		}
	})
	for query, want := range map[string]string{
		"q=a&r=b": "a b", "q=a;b": "a;b ", "q=a;r=b": "a;r=b ", "q=a%3Bb": "a;b ", ";q=a&r=b": " b", "q=1&r=2;3": "1 2;3",
		"q=50%": "50% ", "q=%zz&r=1": "%zz 1", "q=%4": "%4 ", "q=%4g": "%4g ", "q=%41;%": "A;% ", "q=%%41": "%A ", "q=%e2%82%AC": "€ ",
		"q=+%2B": " + ", "q=": " ", "r=1&%=2": " 1",
	} {
		for _, path := range []string{"/echo", "/typed"} {
			a := f.do(http.MethodGet, path+"?"+query, "")
			assert.Equal(t, 200, a.status, path+"?"+query)
			assert.JSONEq(t, fmt.Sprintf("%q", want), a.body, path+"?"+query)
		}
	}
	// net/url has a limit of 10,000 parameters.
	for more, status := range map[int]int{9_999: 200, 10_000: 414} {
		a := f.do(http.MethodGet, "/typed?q=a"+strings.Repeat("&", more), "")
		assert.Equal(t, status, a.status, a.body)
	}
}

// Of several parameters with one name, a typed operation gets the last one, as with FastAPI, or all if it
// takes a list.
func TestRepeatedQueryParameters(t *testing.T) {
	t.Parallel()
	type input struct {
		Limit int      `query:"limit" default:"7"`
		IDs   []string `query:"id,explode"`
	}
	type output struct{ Body string }
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(_ *echo.Echo, api huma.API) {
			huma.Get(api, "/typed", func(_ context.Context, in *input) (*output, error) {
				return &output{Body: fmt.Sprintf("%d %q", in.Limit, in.IDs)}, nil
			})
		}
	})
	for query, want := range map[string]string{
		"":                        `7 []`,
		"limit=1&limit=2":         `2 []`,
		"limit=1&limit=":          `1 []`,
		"limit=&limit=1":          `1 []`,
		"limit=&limit=":           `7 []`,
		"id=a&limit=1&id=b&id=":   `1 ["a" "b" ""]`,
		"id=&id=a":                `7 ["" "a"]`,
		"limit=1&%6Cimit=3&Limit": `3 []`,
	} {
		a := f.do(http.MethodGet, "/typed?"+query, "")
		assert.Equal(t, 200, a.status, query)
		assert.JSONEq(t, fmt.Sprintf("%q", want), a.body, query)
	}
}
