package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// operation is one of the OpenAPI document.
type operation struct {
	Parameters []struct {
		Name, In string
		Required bool
		Example  any
	}
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	}
	Tags []string
}

// try asks for an operation with the document's own examples. It is false for one that has not
// all it needs.
func (o operation) try(t *testing.T, s *serving, method, path string) bool {
	t.Helper()
	query := []string{}
	for _, p := range o.Parameters {
		value, ok := p.Example.(string)
		switch {
		case !p.Required:
		case !ok:
			return false
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", value)
		default:
			query = append(query, p.Name+"="+value)
		}
	}
	body := string(o.RequestBody.Content["application/json"].Example)
	if method == http.MethodGet && o.RequestBody.Content != nil {
		return false // browsers send no such body
	}
	if (method != http.MethodGet && body == "") || strings.HasSuffix(path, "/stream") {
		return false
	}
	status, answer := s.ask(t, method, path+"?"+strings.Join(query, "&"), body)
	if strings.Contains(path, "shared") {
		require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, status, "%s %s: %s", method, path, answer)
		return true // the conversation is not public
	}
	require.Less(t, status, 300, "%s %s: %s", method, path, answer)
	return true
}

// What the documentation offers to execute succeeds as it stands there, and what the server
// has not is last.
//
// Not parallel: it sets environment variables.
func TestExamplesOfTheDocumentationWork(t *testing.T) {
	s := serve(t, nil)
	_, text := s.ask(t, http.MethodGet, "/openapi.json", "")
	var document struct {
		Info  struct{ Description string }
		Tags  []struct{ Name string }
		Paths map[string]map[string]operation
	}
	require.NoError(t, json.Unmarshal([]byte(text), &document))
	require.NotEmpty(t, document.Info.Description)
	require.Contains(t, document.Tags[len(document.Tags)-1].Name, "Not offered")
	for _, path := range []string{"/api/v1/webhooks/conversations", "/api/v1/webhooks/events/{conversation_id}"} {
		require.True(t, document.Paths[path]["post"].try(t, s, http.MethodPost, path), path)
	}
	tried := 0
	for path, operations := range document.Paths {
		for method, o := range operations {
			if !strings.Contains(strings.Join(o.Tags, ""), "Not offered") && o.try(t, s, strings.ToUpper(method), path) {
				tried++
			}
		}
	}
	require.Greater(t, tried, 20)
	require.NotContains(t, text, `"agent":"string"`)
	require.Contains(t, text, `"examples":[{"id":"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10","title":"Coin flips"`)
}
