package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

func (p Program) newOpenAPICommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Print the OpenAPI document",
		Long:  "Prints the OpenAPI 3.1 document that the server has at /openapi.json. It connects to\nnothing and reads no settings.",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			document, err := p.openAPI()
			if err != nil {
				return err
			}
			return s.print(document)
		},
	}
}

// openAPI makes the server, without starting it, and returns its OpenAPI document.
func (p Program) openAPI() (document string, err error) {
	var (
		server   *httpmodule.Server
		database *dbmodule.Database
	)
	application := fx.New(p.Module(p.DefaultConfig()), fx.Supply(zap.NewNop()), fx.NopLogger, fx.Populate(&server, &database))
	if err := application.Err(); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	compact, err := server.OpenAPI()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return "", fmt.Errorf("program: indent OpenAPI document: %w", err)
	}
	b.WriteByte('\n')
	return b.String(), nil
}
