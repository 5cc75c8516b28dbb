package httpmodule_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

func ExampleNew() {
	answers, err := greet(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	for _, answer := range answers {
		fmt.Println(answer)
	}
	// Output:
	// "hello from the database"
	// {"name":"gopher"}
}

// greet serves a plain Echo route and a typed one, and calls both.
func greet(ctx context.Context) (answers []string, err error) {
	dbConfig := dbmodule.DefaultConfig()
	u, err := dbmodule.ParseURL("sqlite://") // in memory
	if err != nil {
		return nil, err
	}
	dbConfig.URL = u
	db, err := dbmodule.Open(dbConfig, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if err := db.Connect(ctx); err != nil {
		return nil, err
	}

	type nameInput struct {
		Name string `path:"name" maxLength:"20"`
	}
	type nameBody struct {
		Name string `json:"name"`
	}
	type nameOutput struct{ Body nameBody }

	config := httpmodule.DefaultConfig()
	config.Port = 0 // any free one
	server, err := httpmodule.New(config, httpmodule.Info{Title: "Greeter"}, nil, db, func(e *echo.Echo, api huma.API) {
		e.GET("/example", func(c echo.Context) error {
			ctx := c.Request().Context()
			var text string
			session := httpmodule.Session(ctx, db.Sessions())
			if err := session.NewSelect().ColumnExpr("?", "hello from the database").Scan(ctx, &text); err != nil {
				return err
			}
			return c.JSON(http.StatusOK, text)
		})
		huma.Get(api, "/names/{name}", func(_ context.Context, in *nameInput) (*nameOutput, error) {
			return &nameOutput{Body: nameBody{in.Name}}, nil
		})
	})
	if err != nil {
		return nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	for _, path := range []string{"/example", "/names/gopher"} {
		resp, err := http.Get("http://" + server.Addr() + path)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		_ = resp.Body.Close()
		answers = append(answers, string(body))
	}
	return answers, server.Stop(ctx)
}
