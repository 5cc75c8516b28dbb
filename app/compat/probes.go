// Package compat has the routes that OpenHands' clients call to learn about a server, and answers 501 on
// the routes that need an agent.
package compat

import (
	"cmp"
	"context"
	_ "embed" // for the page
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/fx"

	"github.com/openhands-go/server/httpmodule"
)

// Module adds the routes to the graph's server.
var Module = fx.Module("compat",
	httpmodule.AsRoutes(func() httpmodule.Routes { return Routes }),
	fx.Invoke(Root),
)

const tag = "Server"

// tags are the tags of the documentation, in their order.
var tags = [...]string{
	"Conversations", "Events", "Webhooks", "App conversations", "App events", "Shared", tag, tagAgentless,
}

// Routes registers the routes by which clients recognise a server, and the routes that answer 501.
func Routes(e *echo.Echo, api huma.API) {
	for _, name := range tags {
		api.OpenAPI().Tags = append(api.OpenAPI().Tags, &huma.Tag{Name: name})
	}
	huma.Register(api, huma.Operation{
		OperationID: "get-settings", Method: http.MethodGet, Path: "/api/settings", Tags: []string{tag},
		Summary: "Get an agent's settings: always the defaults",
		Description: "Clients call this to find out whether the server is an agent server. The answer is that of an agent server " +
			"without any settings. Settings can't be changed here.",
	}, func(context.Context, *struct{}) (*settingsOutput, error) {
		return &settingsOutput{Body: noSettings()}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-current-key", Method: http.MethodGet, Path: "/api/keys/current", Tags: []string{tag},
		Summary:     "Say which key the request was sent with",
		Description: "Clients call this to find out whether the server is an app server, and whether their key is valid.",
	}, func(ctx context.Context, _ *struct{}) (*keyOutput, error) {
		name := cmp.Or(httpmodule.KeyName(ctx), defaultKey)
		return &keyOutput{Body: newKey(name)}, nil
	})
	registerAgentless(e, api)
}

// defaultKey is the key's name in the answers of a server without keys.
const defaultKey = "default"

type settingsOutput struct{ Body settings }

type settings struct {
	ActiveAgentProfileID *string        `json:"active_agent_profile_id"`
	ActiveProfile        *string        `json:"active_profile"`
	AgentSettings        agentSettings  `json:"agent_settings"`
	ConversationSettings map[string]any `json:"conversation_settings"`
	LLMAPIKeyIsSet       bool           `json:"llm_api_key_is_set"`
	MiscSettings         map[string]any `json:"misc_settings"`
}

// TransformSchema gives the documentation an example.
func (*settings) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{noSettings()}
	return s
}

// noSettings returns the settings of an agent server in which nothing was set.
func noSettings() settings {
	return settings{
		AgentSettings:        agentSettings{AgentKind: "openhands", MCPConfig: map[string]any{}, SchemaVersion: 1},
		ConversationSettings: map[string]any{}, MiscSettings: map[string]any{},
	}
}

type agentSettings struct {
	AgentKind     string         `json:"agent_kind"`
	MCPConfig     map[string]any `json:"mcp_config"`
	SchemaVersion int            `json:"schema_version"`
}

type keyOutput struct{ Body key }

type key struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	OrgID    *string `json:"org_id"`
	UserID   string  `json:"user_id"`
	AuthType string  `json:"auth_type"`
}

func newKey(name string) key { return key{ID: name, Name: name, UserID: name, AuthType: "bearer"} }

// TransformSchema gives the documentation an example.
func (*key) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{newKey(defaultKey)}
	return s
}

//go:embed root.html
var root []byte

// Root adds the route / to a server. A browser gets a page with links, which needs no key. Other clients
// get the content of /server_info, which needs a key.
func Root(server *httpmodule.Server) {
	server.Open(http.MethodGet, "/")
	server.Echo().GET("/", func(c echo.Context) error {
		c.Response().Header().Set("Vary", "Accept")
		if strings.Contains(c.Request().Header.Get("Accept"), "text/html") {
			c.Response().Header().Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			return c.HTMLBlob(http.StatusOK, root)
		}
		if err := server.Authenticate(c.Request()); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, server.Describe())
	})
}
