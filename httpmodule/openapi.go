package httpmodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// Names of the security schemes in the document.
const (
	schemeAPIKey = "SessionAPIKey"
	schemeBearer = "Bearer"
)

// newDocument begins the OpenAPI document.
func (s *Server) newDocument() *huma.OpenAPI {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	// Where huma documents its own error model, the document has this package's.
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[errorModel]())
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: s.info.Title, Version: s.info.Version, Description: s.info.Description},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				schemeAPIKey: {Type: "apiKey", In: "header", Name: headerAPIKey, Description: "The server's SESSION_API_KEY, if it has one"},
				schemeBearer: {Type: "http", Scheme: "bearer", Description: "The same key as a bearer token"},
			},
		},
		Security:       []map[string][]string{{schemeAPIKey: {}}, {schemeBearer: {}}},
		OnAddOperation: []huma.AddOpFunc{documentErrors, documentParameters},
	}
}

// documentErrors documents the responses of op.Errors. For the operation of a plain route huma has
// not added them. It also corrects the media type of error responses, and adds examples.
func documentErrors(document *huma.OpenAPI, op *huma.Operation) {
	const theirs, ours = "application/problem+json", "application/json"
	schema := document.Components.Schemas.Schema(reflect.TypeFor[huma.ErrorModel](), true, "")
	for _, status := range op.Errors {
		code := strconv.Itoa(status)
		if op.Responses[code] == nil {
			if op.Responses == nil {
				op.Responses = make(map[string]*huma.Response)
			}
			op.Responses[code] = &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{theirs: {Schema: schema}}}
		}
	}
	for code, response := range op.Responses {
		if content, ok := response.Content[theirs]; ok {
			delete(response.Content, theirs)
			content.Example = errorExample(code)
			response.Content[ours] = content
		}
	}
}

// errorExample returns an example body of an error with this status. code may be "default".
func errorExample(code string) any {
	status, err := strconv.Atoi(code)
	switch {
	case err != nil:
		return json.RawMessage(`{"detail":"Internal Server Error"}`)
	case status == http.StatusUnprocessableEntity:
		return json.RawMessage(`{"detail":[{"loc":["query","limit"],"msg":"expected number <= 100","type":"value_error"}]}`)
	}
	return map[string]string{"detail": http.StatusText(status)}
}

// documentParameters copies the example of a parameter's schema to the parameter, because Swagger
// UI fills in only that one. It makes list parameters not nullable, because a URL has no null and
// Swagger UI would ask for JSON.
func documentParameters(_ *huma.OpenAPI, op *huma.Operation) {
	for _, p := range op.Parameters {
		if p.Schema != nil && p.Schema.Type == huma.TypeArray {
			p.Schema.Nullable = false
		}
		if p.Example == nil && p.Schema != nil && len(p.Schema.Examples) > 0 {
			p.Example = p.Schema.Examples[0]
		}
	}
}

// errorModel documents the body of every error.
type errorModel struct {
	Detail detail `json:"detail"`
}

type detail struct{}

// Schema documents a text or a list of findings.
func (detail) Schema(registry huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "a text, or the list of what is wrong with the request",
		AnyOf: []*huma.Schema{
			{Type: huma.TypeString},
			{Type: huma.TypeArray, Items: registry.Schema(reflect.TypeFor[FieldError](), true, "")},
		},
	}
}

// leaveOutDefaults removes additionalProperties: true from the schemas. It is the default, and
// Swagger UI would show it as an example member, "additionalProp1".
func leaveOutDefaults(registry huma.Registry) {
	for _, schema := range registry.Map() {
		leaveOutDefault(schema)
	}
}

func leaveOutDefault(schema *huma.Schema) {
	if schema == nil {
		return
	}
	switch more := schema.AdditionalProperties.(type) {
	case bool:
		if more {
			schema.AdditionalProperties = nil
		}
	case *huma.Schema:
		leaveOutDefault(more)
	}
	leaveOutDefault(schema.Items)
	for _, property := range schema.Properties {
		leaveOutDefault(property)
	}
}

// OpenAPI returns the OpenAPI 3.1 document as JSON. It is encoded once, by Start or by the first
// call: later operations are not in it.
func (s *Server) OpenAPI() ([]byte, error) { return s.document() }

func (s *Server) encodeDocument() ([]byte, error) {
	document, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("httpmodule: encode OpenAPI document: %w", err)
	}
	return document, nil
}

func (s *Server) serveOpenAPI(c echo.Context) error {
	text, err := s.document()
	if err != nil {
		return err
	}
	return document(c, echo.MIMEApplicationJSON, text)
}
