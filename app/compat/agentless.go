package compat

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/app/wire"
)

// agentRoute is a route that only a server with an agent, or with OpenHands' own accounts, can answer.
type agentRoute struct {
	// method is empty for all methods.
	method string
	// path is in huma's notation. "/x/*" means /x and all paths below it.
	path string
	// feature is what the answer says that this server does not offer.
	feature string
}

const (
	conversation    = "/api/conversations/{conversation_id}"
	appConversation = "/api/v1/app-conversations/{conversation_id}"
)

// agentRoutes are the routes that answer 501: so a client learns that the server knows the route and
// does not offer it. A 404 would say that the route is unknown.
var agentRoutes = [...]agentRoute{
	{http.MethodPost, conversation + "/run", "run"},
	{http.MethodPost, conversation + "/goal", "goal"},
	{http.MethodPost, conversation + "/goal/stop", "goal-stop"},
	{http.MethodPost, conversation + "/goal/resume", "goal-resume"},
	{http.MethodPost, conversation + "/pause", "pause"},
	{http.MethodPost, conversation + "/interrupt", "interrupt"},
	{http.MethodPost, conversation + "/condense", "condense"},
	{http.MethodPost, conversation + "/ask_agent", "ask_agent"},
	{http.MethodPost, conversation + "/fork", "fork"},
	{http.MethodPost, conversation + "/navigate", "navigate"},
	{http.MethodPost, conversation + "/secrets", "secrets"},
	{http.MethodPost, conversation + "/confirmation_policy", "confirmation_policy"},
	{http.MethodPost, conversation + "/security_analyzer", "security_analyzer"},
	{http.MethodPost, conversation + "/switch_profile", "switch_profile"},
	{http.MethodPost, conversation + "/switch_llm", "switch_llm"},
	{http.MethodPost, conversation + "/switch_acp_model", "switch_acp_model"},
	{http.MethodPost, conversation + "/load_plugin", "load_plugin"},
	{http.MethodPost, conversation + "/events/respond_to_confirmation", "respond_to_confirmation"},
	{"", conversation + "/credential-bindings/*", "credentials of a sandbox"},
	{"", conversation + "/workspace/*", "files of a workspace"},
	{http.MethodPost, "/api/conversations/prepare-for-sandbox-pause", "a sandbox"},

	{http.MethodPost, "/api/v1/app-conversations", "starting a conversation"},
	{http.MethodPost, "/api/v1/app-conversations/stream-start", "starting a conversation by stream"},
	{"", appConversation + "/file", "files of a sandbox"},
	{"", appConversation + "/switch_profile", "switch_profile"},
	{"", appConversation + "/switch_acp_model", "switch_acp_model"},
	{"", appConversation + "/load_plugin", "load_plugin"},

	{"", "/sockets/bash-events", "bash events"},
	{"", "/api/init/*", "a deferred start"},
	{"", "/api/bash/*", "bash"},
	{"", "/api/file/*", "files of a workspace"},
	{"", "/api/git/*", "git"},
	{"", "/api/vscode/*", "vscode"},
	{"", "/api/desktop/*", "a desktop"},
	{"", "/api/tools/*", "tools"},
	{"", "/api/mcp/*", "MCP"},
	{"", "/api/llm/*", "language models"},
	{"", "/api/skills/*", "skills"},
	{"", "/api/plugins/*", "plugins"},
	{"", "/api/hooks/*", "hooks"},
	{"", "/api/workspaces/*", "workspaces"},
	{"", "/api/profiles/*", "profiles"},
	{"", "/api/agent-profiles/*", "agent profiles"},
	{"", "/api/meta-profiles/*", "meta profiles"},
	{"", "/api/sub-agents/*", "sub-agents"},
	{"", "/api/auth/workspace-session", "a session of a workspace"},
	{"", "/api/cloud-proxy/*", "a proxy to a cloud"},
	{"", "/api/automation/*", "automations"},
	{"", "/api/settings/*", "settings of an agent"},
	{"", "/api/organizations/*", "organizations"},
	{"", "/api/v1/settings/*", "settings of an account"},
	{"", "/api/v1/secrets/*", "secrets of an account"},
	{"", "/api/v1/sandboxes/*", "sandboxes"},
	{"", "/api/v1/skills/*", "skills"},
	{"", "/api/v1/git/*", "git"},
	{"", "/api/v1/config/*", "language models"},
	{"", "/workspace/*", "files of a workspace"},
	{"", "/v1/*", "language models by OpenAI's routes"},
}

// tagAgentless is the last tag of the documentation.
const tagAgentless = "Not offered: needs an agent"

func registerAgentless(e *echo.Echo, api huma.API) {
	for _, route := range agentRoutes {
		refuse := func(echo.Context) error { return wire.NoAgent(route.feature) }
		methods := []string{route.method}
		if route.method == "" {
			methods = anyMethod[:]
		}
		for _, path := range route.echoPaths() {
			for _, method := range methods {
				if method == http.MethodGet && path == "/api/settings" {
					continue // Routes registers it
				}
				e.Add(method, path, refuse)
			}
		}
		route.document(api)
	}
}

var anyMethod = [...]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (r agentRoute) echoPaths() []string {
	path := strings.NewReplacer("{", ":", "}", "").Replace(r.path)
	if base, ok := strings.CutSuffix(path, "/*"); ok {
		return []string{base, path}
	}
	return []string{path}
}

// document adds one operation to the API's documentation, also for a route of several methods and paths.
func (r agentRoute) document(api huma.API) {
	method := r.method
	if method == "" {
		method = http.MethodGet
	}
	op := &huma.Operation{
		OperationID: "not-offered" + strings.NewReplacer("/", "-", "{", "", "}", "", "*", "all", "_", "-").Replace(r.path),
		Method:      method, Path: r.path, Tags: []string{tagAgentless},
		Summary:     "Not offered: " + r.feature,
		Description: "There is no agent in this server: it stores what agent servers push to it. The answer is 501.",
		Responses:   map[string]*huma.Response{"501": {Description: http.StatusText(http.StatusNotImplemented)}},
	}
	for _, part := range strings.Split(r.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	api.OpenAPI().AddOperation(op)
}
