package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// operation is one of the OpenAPI document.
type operation struct {
	Parameters []struct {
		Name, In string
		Required bool
		Example  any
	}
	RequestBody *struct {
		Content map[string]struct{ Example json.RawMessage }
	}
	Responses map[string]struct {
		Content map[string]struct {
			Example json.RawMessage
			Schema  schema
		}
	}
	Tags []string
}

// schema is what of a schema Swagger UI makes an example of.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Enum       []any
	Examples   []any
	Default    any
	Items      *schema
	Properties map[string]schema
}

// unexplained lists the texts of a schema for which Swagger UI would show "string".
func (s schema) unexplained(all map[string]schema, at string) []string {
	if name := strings.TrimPrefix(s.Ref, "#/components/schemas/"); name != s.Ref {
		return all[name].unexplained(all, at)
	}
	if len(s.Examples)+len(s.Enum) > 0 || s.Default != nil {
		return nil
	}
	var found []string
	if strings.Contains(fmt.Sprint(s.Type), "string") {
		found = append(found, at)
	}
	if s.Items != nil {
		found = append(found, s.Items.unexplained(all, at+"[]")...)
	}
	for name, property := range s.Properties {
		found = append(found, property.unexplained(all, at+"."+name)...)
	}
	return found
}

// try asks for an operation with the document's own examples. It is false for one that has not
// all it needs, and for a stream, which does not end.
func (o operation) try(t *testing.T, s *serving, method, path string) bool {
	t.Helper()
	query := url.Values{}
	for _, p := range o.Parameters {
		values, isList := p.Example.([]any)
		if !isList && p.Example != nil {
			values = []any{p.Example}
		}
		switch {
		case len(values) == 0 && p.Required:
			return false
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", fmt.Sprint(values[0]))
		default:
			for _, value := range values {
				query.Add(p.Name, fmt.Sprint(value))
			}
		}
	}
	body := ""
	if o.RequestBody != nil {
		require.NotEqual(t, http.MethodGet, method, "%s: browsers send no such body", path)
		body = string(o.RequestBody.Content["application/json"].Example)
		require.NotEmpty(t, body, "%s %s", method, path)
	}
	if strings.HasSuffix(path, "/stream") || method == http.MethodDelete {
		return false
	}
	status, answer := s.ask(t, method, path+"?"+query.Encode(), body)
	require.Contains(t, o.Responses, fmt.Sprint(status), "%s %s: %s", method, path, answer)
	if strings.Contains(path, "shared") {
		require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, status, "%s %s: %s", method, path, answer)
		return true // the conversation is not public
	}
	require.Less(t, status, 300, "%s %s: %s", method, path, answer)
	return true
}

// What the documentation offers to execute succeeds as it stands there, its answers have
// examples that tell something, and what the server has not is last.
//
// Not parallel: it sets environment variables.
func TestExamplesOfTheDocumentationWork(t *testing.T) {
	s := serve(t, nil)
	_, text := s.ask(t, http.MethodGet, "/openapi.json", "")
	var document struct {
		Info       struct{ Description string }
		Tags       []struct{ Name string }
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]schema }
	}
	require.NoError(t, json.Unmarshal([]byte(text), &document))
	require.NotEmpty(t, document.Info.Description)
	require.Contains(t, document.Tags[len(document.Tags)-1].Name, "Not offered")
	for _, path := range []string{"/api/v1/webhooks/conversations", "/api/v1/webhooks/events/{conversation_id}"} {
		require.True(t, document.Paths[path]["post"].try(t, s, http.MethodPost, path), path)
	}
	var passed []string
	for path, operations := range document.Paths {
		for method, o := range operations {
			if strings.Contains(strings.Join(o.Tags, ""), "Not offered") {
				continue
			}
			if !o.try(t, s, strings.ToUpper(method), path) && method != "delete" && !strings.HasSuffix(path, "/stream") {
				passed = append(passed, path)
			}
			for status, response := range o.Responses {
				if answer, ok := response.Content["application/json"]; ok && status < "300" && answer.Example == nil {
					assert.Empty(t, answer.Schema.unexplained(document.Components.Schemas, "the answer"), "%s %s", method, path)
				}
			}
		}
	}
	require.ElementsMatch(t, []string{"/api/v1/webhooks/refused/{refused_id}/body", "/api/v1/webhooks/refused/{refused_id}/retry"}, passed,
		"these need what was refused; all others can be executed as they stand")
	require.Contains(t, text, `"examples":[{"id":"0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10","title":"Coin flips"`)
}
