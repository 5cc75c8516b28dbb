package conversations

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/openhands-go/server/app/wire"
)

// Info is a conversation in the format of agent servers.
type Info struct {
	ID                       string            `json:"id" format:"uuid" doc:"The conversation's UUID, dashed"`
	Title                    *string           `json:"title"`
	ExecutionStatus          string            `json:"execution_status" doc:"What the agent was doing when it was last heard of" example:"idle"`
	Agent                    json.RawMessage   `json:"agent" doc:"The agent as it was given, secrets masked; without skills unless they are asked for"`
	Workspace                json.RawMessage   `json:"workspace" doc:"The workspace as it was given, secrets masked"`
	ConfirmationPolicy       json.RawMessage   `json:"confirmation_policy"`
	ActivatedKnowledgeSkills json.RawMessage   `json:"activated_knowledge_skills" doc:"Names of skills"`
	InvokedSkills            json.RawMessage   `json:"invoked_skills" doc:"Names of skills"`
	MaxIterations            int64             `json:"max_iterations"`
	StuckDetection           bool              `json:"stuck_detection"`
	Stats                    json.RawMessage   `json:"stats" doc:"Metrics by usage"`
	Tags                     map[string]string `json:"tags"`
	ParentConversationID     *string           `json:"parent_conversation_id"`
	SubConversationIDs       []string          `json:"sub_conversation_ids" nullable:"false"`
	LeafEventID              *string           `json:"leaf_event_id"`
	PersistenceDir           json.RawMessage   `json:"persistence_dir"`
	HookConfig               json.RawMessage   `json:"hook_config"`
	SecurityAnalyzer         json.RawMessage   `json:"security_analyzer"`
	AgentState               json.RawMessage   `json:"agent_state"`
	BlockedActions           json.RawMessage   `json:"blocked_actions"`
	BlockedMessages          json.RawMessage   `json:"blocked_messages"`
	LastUserMessageID        json.RawMessage   `json:"last_user_message_id"`
	ForkedFromConversationID json.RawMessage   `json:"forked_from_conversation_id"`
	ForkedFromEventID        json.RawMessage   `json:"forked_from_event_id"`
	CurrentModelID           json.RawMessage   `json:"current_model_id"`
	AvailableModels          json.RawMessage   `json:"available_models"`
	RuntimeModelSwitch       json.RawMessage   `json:"supports_runtime_model_switch"`
	LaunchedAgentProfile     json.RawMessage   `json:"launched_agent_profile"`
	ClientTools              json.RawMessage   `json:"client_tools"`
	CreatedAt                string            `json:"created_at" format:"date-time" doc:"UTC"`
	UpdatedAt                string            `json:"updated_at" format:"date-time" doc:"UTC"`
}

// AppInfo is a conversation in the format of the app server. No agent server runs it here, so it has no
// sandbox status and no URL.
type AppInfo struct {
	ID                   string            `json:"id" doc:"The conversation's UUID in 32 hex digits"`
	CreatedByUserID      *string           `json:"created_by_user_id"`
	SandboxID            *string           `json:"sandbox_id"`
	SelectedRepository   json.RawMessage   `json:"selected_repository"`
	SelectedBranch       json.RawMessage   `json:"selected_branch"`
	GitProvider          json.RawMessage   `json:"git_provider"`
	Title                *string           `json:"title"`
	Trigger              json.RawMessage   `json:"trigger"`
	PRNumber             json.RawMessage   `json:"pr_number" doc:"Numbers of pull requests"`
	LLMModel             *string           `json:"llm_model"`
	ACPServer            *string           `json:"acp_server" doc:"Of an agent of another program"`
	LaunchedAgentProfile json.RawMessage   `json:"launched_agent_profile"`
	Workspace            *AppWorkspace     `json:"workspace"`
	AgentKind            string            `json:"agent_kind" doc:"openhands or acp"`
	Metrics              Metrics           `json:"metrics"`
	Public               bool              `json:"public"`
	Tags                 map[string]string `json:"tags"`
	ParentConversationID *string           `json:"parent_conversation_id"`
	SubConversationIDs   []string          `json:"sub_conversation_ids" nullable:"false"`
	SandboxStatus        string            `json:"sandbox_status" enum:"MISSING"`
	ExecutionStatus      string            `json:"execution_status"`
	ConversationURL      *string           `json:"conversation_url"`
	SessionAPIKey        *string           `json:"session_api_key"`
	CreatedAt            string            `json:"created_at" format:"date-time" doc:"UTC"`
	UpdatedAt            string            `json:"updated_at" format:"date-time" doc:"UTC"`
}

// AppWorkspace is a workspace in the format of the app server.
type AppWorkspace struct {
	WorkingDir *string `json:"working_dir"`
}

// Metrics are a conversation's costs, as its agent server has reported them.
type Metrics struct {
	AccumulatedCost       float64    `json:"accumulated_cost"`
	MaxBudgetPerTask      *float64   `json:"max_budget_per_task"`
	AccumulatedTokenUsage TokenUsage `json:"accumulated_token_usage"`
	ModelName             string     `json:"model_name"`
}

// TokenUsage counts tokens in 64 bits.
type TokenUsage struct {
	Model            string `json:"model"`
	PromptTokens     int64  `json:"prompt_tokens"`
	CompletionTokens int64  `json:"completion_tokens"`
	CacheReadTokens  int64  `json:"cache_read_tokens"`
	CacheWriteTokens int64  `json:"cache_write_tokens"`
	ReasoningTokens  int64  `json:"reasoning_tokens"`
	ContextWindow    int64  `json:"context_window"`
	PerTurnToken     int64  `json:"per_turn_token"`
	ResponseID       string `json:"response_id"`
}

// Columns that are not read for a view. A row has forty columns, some of them large, and reading them is most
// of the work of a listing.
var (
	// unshown are the columns that no view shows, and the skills, which are read separately.
	unshown = []string{
		"agent_skills", "has_parent", "title_folded", "title_pinned", "tags_pinned", "public_pinned",
		"info_digest", "state_micros", "info_micros", "event_count", "numbered",
	}
	// unshownToApps are these and the columns that AppInfo does not show.
	unshownToApps = append(slices.Clone(unshown),
		"confirmation_policy", "stats", "max_iterations", "stuck_detection", "leaf_event_id")
)

// Info returns c in the format of agent servers. sub are the ids of its children.
func (c *Conversation) Info(sub []string) *Info {
	d := c.details()
	agent := json.RawMessage(c.Agent)
	if !c.withSkills {
		agent = c.leanAgent()
	}
	return &Info{
		ID:                       c.ID,
		Title:                    c.Title,
		ExecutionStatus:          c.ExecutionStatus,
		Agent:                    agent,
		Workspace:                json.RawMessage(c.Workspace),
		ConfirmationPolicy:       json.RawMessage(c.ConfirmationPolicy),
		ActivatedKnowledgeSkills: d.get("activated_knowledge_skills", "[]"),
		InvokedSkills:            d.get("invoked_skills", "[]"),
		MaxIterations:            c.MaxIterations,
		StuckDetection:           c.StuckDetection,
		Stats:                    json.RawMessage(c.Stats),
		Tags:                     c.tags(),
		ParentConversationID:     c.ParentID,
		SubConversationIDs:       append([]string{}, sub...),
		LeafEventID:              c.LeafEventID,
		PersistenceDir:           d.get("persistence_dir", `"workspace/conversations"`),
		HookConfig:               d["hook_config"],
		SecurityAnalyzer:         d["security_analyzer"],
		AgentState:               d.get("agent_state", "{}"),
		BlockedActions:           d.get("blocked_actions", "{}"),
		BlockedMessages:          d.get("blocked_messages", "{}"),
		LastUserMessageID:        d["last_user_message_id"],
		ForkedFromConversationID: d["forked_from_conversation_id"],
		ForkedFromEventID:        d["forked_from_event_id"],
		CurrentModelID:           d["current_model_id"],
		AvailableModels:          d.get("available_models", "[]"),
		RuntimeModelSwitch:       d.get("supports_runtime_model_switch", "false"),
		LaunchedAgentProfile:     d["launched_agent_profile"],
		ClientTools:              d.get("client_tools", "[]"),
		CreatedAt:                rfc3339(c.CreatedAt),
		UpdatedAt:                rfc3339(c.UpdatedAt),
	}
}

// AppInfo returns c in the format of the app server. sub are the ids of its children.
func (c *Conversation) AppInfo(sub []string) *AppInfo {
	d, tags := c.details(), c.tags()
	info := &AppInfo{
		ID:                 wire.HexID(c.ID),
		CreatedByUserID:    c.CreatedByUserID,
		SandboxID:          c.SandboxID,
		SelectedRepository: d["selected_repository"],
		SelectedBranch:     d["selected_branch"],
		GitProvider:        d["git_provider"],
		Title:              c.Title,
		Trigger:            trigger(d, tags),
		PRNumber:           wire.Raw(c.PRNumbers, "[]"),
		LLMModel:           c.model(d),
		AgentKind:          c.AgentKind,
		Metrics: Metrics{
			AccumulatedCost:  c.AccumulatedCost,
			MaxBudgetPerTask: c.MaxBudgetPerTask,
			AccumulatedTokenUsage: TokenUsage{
				PromptTokens:     c.PromptTokens,
				CompletionTokens: c.CompletionTokens,
				CacheReadTokens:  c.CacheReadTokens,
				CacheWriteTokens: c.CacheWriteTokens,
				ReasoningTokens:  c.ReasoningTokens,
				ContextWindow:    c.ContextWindow,
				PerTurnToken:     c.PerTurnToken,
			},
		},
		Public:             c.Public,
		Tags:               tags,
		SubConversationIDs: make([]string, len(sub)),
		SandboxStatus:      "MISSING",
		ExecutionStatus:    c.ExecutionStatus,
		CreatedAt:          rfc3339(c.CreatedAt),
		UpdatedAt:          rfc3339(c.UpdatedAt),
	}
	info.LaunchedAgentProfile = d["launched_agent_profile"]
	if c.AgentKind == kindACP {
		if agent, err := wire.ParseObject(c.leanAgent()); err == nil {
			info.ACPServer, _ = agent.String("acp_server", 0)
		}
	}
	if info.LLMModel != nil {
		info.Metrics.AccumulatedTokenUsage.Model = *info.LLMModel
		info.Metrics.ModelName = *info.LLMModel
	}
	if dir, err := object(c.Workspace).String("working_dir", 0); err == nil && dir != nil {
		info.Workspace = &AppWorkspace{WorkingDir: dir}
	}
	if c.ParentID != nil {
		hex := wire.HexID(*c.ParentID)
		info.ParentConversationID = &hex
	}
	for i, id := range sub {
		info.SubConversationIDs[i] = wire.HexID(id)
	}
	return info
}

// model returns the model that the agent uses now.
func (c *Conversation) model(d details) *string {
	if c.AgentKind == kindACP {
		if now, err := wire.Object(d).String("current_model_id", 0); err == nil && now != nil {
			return now
		}
	}
	return c.LLMModel
}

// trigger returns what started a conversation. Automations set a tag whose name begins with automation.
func trigger(d details, tags map[string]string) json.RawMessage {
	if wire.Object(d).Has("trigger") {
		return d["trigger"]
	}
	for name := range tags {
		if strings.HasPrefix(name, "automation") {
			return json.RawMessage(`"automation"`)
		}
	}
	return nil
}

func rfc3339(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// details are the members that are stored and returned unchanged. A missing one is nil, which encoding/json
// writes as null.
type details wire.Object

func (c *Conversation) details() details { return details(object(c.Details)) }

// object parses a stored JSON object. It returns nil if the column has anything else, which the store never
// writes.
func object(stored string) wire.Object {
	if stored == emptyObject { // as most are
		return nil
	}
	o, err := wire.ParseObject([]byte(stored))
	if err != nil {
		return nil
	}
	return o
}

const emptyObject = "{}"

func (d details) get(name, fallback string) json.RawMessage {
	if value, ok := d[name]; ok {
		return value
	}
	return json.RawMessage(fallback)
}

func (c *Conversation) tags() map[string]string { return readTags(c.Tags) }

// readTags reads a JSON object of texts; of anything else, and of nothing, none.
func readTags(stored string) map[string]string {
	tags := map[string]string{}
	if stored == emptyObject { // as most are
		return tags
	}
	if json.Unmarshal([]byte(stored), &tags) != nil || tags == nil {
		return map[string]string{}
	}
	return tags
}
