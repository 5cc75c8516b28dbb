package wire

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Success is the body of the answer to a successful write.
type Success struct {
	Success bool `json:"success" example:"true"`
}

// SuccessOutput is a response of [Success].
type SuccessOutput struct{ Body Success }

// Done returns the answer to a successful write.
func Done() *SuccessOutput { return &SuccessOutput{Body: Success{Success: true}} }

// Document documents the request body of a registered operation that reads its body as raw bytes.
func Document(api huma.API, method, path string, body reflect.Type, example any) {
	item := api.OpenAPI().Paths[path]
	if item == nil {
		return
	}
	op := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch,
	}[method]
	if op == nil {
		return
	}
	schema := api.OpenAPI().Components.Schemas.Schema(body, true, op.OperationID)
	schema.Nullable = false // huma documents lists as nullable
	op.RequestBody = &huma.RequestBody{Required: method != http.MethodGet, Content: map[string]*huma.MediaType{"application/json": {
		Schema: schema, Example: example,
	}}}
}

// LeaveOutBody makes the body of a GET optional, and removes it from the documentation. Browsers can't send
// a body with GET, so the documentation's page could not execute the operation.
func LeaveOutBody(api huma.API, path string) {
	item := api.OpenAPI().Paths[path]
	item.Get.RequestBody.Required = false
	documented := *item.Get // huma reads the body by the operation that it has
	documented.RequestBody = nil
	item.Get = &documented
}

// NotFound converts dbmodule.ErrNotFound to a 404 that says what is missing. It returns other errors
// unchanged.
func NotFound(err error, what string) error {
	if errors.Is(err, dbmodule.ErrNotFound) {
		return httpmodule.NewError(http.StatusNotFound, what+" not found")
	}
	return err
}

// PathID parses the identifier of the path parameter of that name.
func PathID(value, name string) (string, error) {
	id, err := ParseID(value)
	return id, Under(err, "path", name)
}

// QueryIDs parses the identifiers of the repeated query parameter of that name.
func QueryIDs(values []string, name string) ([]string, error) {
	ids := make([]string, len(values))
	for i, value := range values {
		id, err := ParseID(value)
		if err != nil {
			return nil, Under(err, "query", name, i)
		}
		ids[i] = id
	}
	return ids, nil
}

// NoAgent returns the answer to a request that needs an agent: 501.
func NoAgent(what string) error {
	return httpmodule.NewError(http.StatusNotImplemented,
		"There is no agent in this server, so it does not offer "+what+": it stores what agent servers push to it")
}
