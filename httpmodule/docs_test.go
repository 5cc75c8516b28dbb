package httpmodule_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

func TestDocsNeedNoNetwork(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), nil)
	page := f.do(http.MethodGet, "/docs", "")
	require.Equal(t, 200, page.status)
	assert.Contains(t, page.header.Get("Content-Type"), "text/html")
	policy := page.header.Get("Content-Security-Policy")
	assert.Contains(t, policy, "default-src 'none'")
	assert.Contains(t, policy, "'sha256-")
	assert.Contains(t, page.body, "prefers-color-scheme: dark")
	assert.Contains(t, page.body, `name="viewport"`)

	found := 0
	for _, match := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		assert.True(t, strings.HasPrefix(match[1], "/docs/"), match[1])
		got := f.do(http.MethodGet, match[1], "")
		assert.Equal(t, 200, got.status, match[1])
		assert.NotEmpty(t, got.body, match[1])
		found++
	}
	assert.GreaterOrEqual(t, found, 3)
	assert.Equal(t, 404, f.do(http.MethodGet, "/docs/nothing.js", "").status)
}

// What Swagger UI makes of the document is what a reader executes.
func TestDocumentSuitsItsReader(t *testing.T) {
	t.Parallel()
	type book struct {
		Title  string               `json:"title"`
		Places []struct{ A string } `json:"places"`
	}
	server, err := httpmodule.New(testConfig(), httpmodule.Info{}, nil, openDatabase(t), func(_ *echo.Echo, api huma.API) {
		huma.Post(api, "/books", func(_ context.Context, in *struct {
			IDs  []string `query:"ids,explode" example:"a,b"`
			Body book
		},
		) (*struct{ Body book }, error) {
			return &struct{ Body book }{Body: in.Body}, nil
		})
	})
	require.NoError(t, err)
	text, err := server.OpenAPI()
	require.NoError(t, err)
	assert.NotContains(t, string(text), `"additionalProperties":true`, "Swagger UI shows a member additionalProp1 for it")
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Example []string
				Schema  struct{ Type any }
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &document))
	list := document.Paths["/books"]["post"].Parameters[0]
	assert.Equal(t, "array", list.Schema.Type, "Swagger UI executes nothing where a list may be null")
	assert.Equal(t, []string{"a", "b"}, list.Example)
	assert.Equal(t, http.StatusOK, ask(server, http.MethodPost, "/books", `{"title":"x","places":[],"more":1}`).Code, "more members are still let through")
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	f := serve(t, testConfig(), func(*fixture) httpmodule.Routes {
		return func(_ *echo.Echo, api huma.API) {
			huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/items/{id}"},
				func(context.Context, *validated) (*struct{ Body httpmodule.Raw[[]textOutput] }, error) {
					return nil, nil
				})
		}
	})
	got := f.do(http.MethodGet, "/openapi.json", "")
	require.Equal(t, 200, got.status)
	document, err := f.server.OpenAPI()
	require.NoError(t, err)
	assert.Equal(t, string(document), got.body)
	assert.NotContains(t, got.body, "problem+json")
	assert.NotContains(t, got.body, "$schema")

	var parsed struct {
		OpenAPI    string
		Info       struct{ Title, Version string }
		Paths      map[string]map[string]struct{ Responses map[string]any }
		Components struct{ SecuritySchemes, Schemas map[string]any }
		Security   []map[string][]string
	}
	require.NoError(t, json.Unmarshal(document, &parsed))
	assert.True(t, strings.HasPrefix(parsed.OpenAPI, "3.1"))
	assert.Equal(t, "Test", parsed.Info.Title)
	assert.Equal(t, "1.2.3", parsed.Info.Version)
	assert.Contains(t, parsed.Paths, "/items/{id}")
	assert.Contains(t, parsed.Paths, "/ready")
	assert.Len(t, parsed.Components.SecuritySchemes, 2)
	assert.Len(t, parsed.Security, 2)
	assert.Contains(t, parsed.Components.Schemas, "FieldError")
	assert.NotContains(t, parsed.Components.Schemas, "ErrorDetail", "huma's own errors are not ours")
}
