package httpmodule_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/openhands-go/server/httpmodule"
)

func ExampleAsReadyCheck() {
	// search is ready when its own probe says so. fx calls it with what it takes.
	search := func() httpmodule.ReadyCheck {
		return httpmodule.ReadyCheck{Name: "search", Check: func(ctx context.Context) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://search:9200/_ping", http.NoBody)
			if err != nil {
				return err
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			if res.StatusCode != http.StatusOK {
				err = fmt.Errorf("search answers %s", res.Status)
			}
			_ = res.Body.Close() // nobody reads it
			return err
		}}
	}
	_ = httpmodule.AsReadyCheck(search) // among the options of fx.New
}
