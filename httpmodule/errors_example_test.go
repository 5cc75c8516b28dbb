package httpmodule_test

import (
	"fmt"
	"net/http"

	"github.com/openhands-go/server/httpmodule"
)

func ExampleNewError() {
	// A handler returns it: the answer is 402 {"detail": "the cart is not paid"}.
	fmt.Println(httpmodule.NewError(http.StatusPaymentRequired, "the cart is not paid"))
	// Output: httpmodule: answer 402: the cart is not paid
}

func ExampleNewValidationError() {
	fmt.Println(httpmodule.NewValidationError(
		httpmodule.FieldError{Loc: []any{"body", "copies"}, Msg: "more than the shelf holds", Type: "too_many"},
	))
	// Output: httpmodule: answer 422: [{[body copies] more than the shelf holds too_many}]
}
