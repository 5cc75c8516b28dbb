package wire

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Success is what writers are told.
type Success struct {
	Success bool `json:"success" example:"true"`
}

// SuccessOutput is a response of [Success].
type SuccessOutput struct{ Body Success }

// Done is the answer to a writer whose data is stored.
func Done() *SuccessOutput { return &SuccessOutput{Body: Success{Success: true}} }

// Document describes the body of an operation, registered before, that reads it
// raw. It is for the API's documentation only.
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
	schema.Nullable = false // huma takes null for an empty list
	op.RequestBody = &huma.RequestBody{Required: method != http.MethodGet, Content: map[string]*huma.MediaType{"application/json": {
		Schema: schema, Example: example,
	}}}
}

// LeaveOutBody makes the body of a GET optional and leaves it out of the documentation: a browser
// can send none, and so the documentation's own page could not execute the operation.
func LeaveOutBody(api huma.API, path string) {
	item := api.OpenAPI().Paths[path]
	item.Get.RequestBody.Required = false
	documented := *item.Get // the operation itself keeps its body, by which huma reads it
	documented.RequestBody = nil
	item.Get = &documented
}

// NotFound turns a missing row into a 404 that says what is missing, and leaves
// every other error as it is.
func NotFound(err error, what string) error {
	if errors.Is(err, dbmodule.ErrNotFound) {
		return httpmodule.NewError(http.StatusNotFound, what+" not found")
	}
	return err
}

// PathID reads the identifier in a path's parameter of that name.
func PathID(value, name string) (string, error) {
	id, err := ParseID(value)
	return id, Under(err, "path", name)
}

// QueryIDs reads the identifiers of a query's repeated parameter of that name.
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

// NoAgent is the answer to a request that needs an agent: 501.
func NoAgent(what string) error {
	return httpmodule.NewError(http.StatusNotImplemented,
		"There is no agent in this server, so it does not offer "+what+": it stores what agent servers push to it")
}
