package conversations

import (
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Conversation is a row of conversations. The texts called JSON hold one JSON
// document each, redacted before it came here.
type Conversation struct {
	bun.BaseModel `bun:"table:conversations,alias:conversation"`

	// ID is a UUID, dashed and in lower case.
	ID string `bun:"id,pk,type:varchar(36) collate utf8mb4_bin"`
	// ParentID is the conversation that owns this one. It may be gone: a
	// deleted parent leaves its children where they are.
	ParentID *string `bun:"parent_conversation_id,type:varchar(36) collate utf8mb4_bin"`
	// HasParent says that ParentID is not nil. MariaDB sorts what a condition IS NULL leaves;
	// what this leaves it reads by an index.
	HasParent bool    `bun:"has_parent,notnull,default:false"`
	Title     *string `bun:"title,type:text"`
	// TitleFolded is the title as title__contains compares it.
	TitleFolded *string `bun:"title_folded,type:text"`
	// TitleSort is what listings by title are sorted by: the beginning of the folded
	// title, empty for none.
	TitleSort string `bun:"title_sort,notnull,default:'',type:varchar(255) collate utf8mb4_bin"`
	// TitlePinned, TagsPinned and PublicPinned say that a client has set them:
	// what an agent server pushes later leaves them alone.
	TitlePinned  bool `bun:"title_pinned,notnull"`
	TagsPinned   bool `bun:"tags_pinned,notnull"`
	PublicPinned bool `bun:"public_pinned,notnull"`

	ExecutionStatus string `bun:"execution_status,notnull,type:varchar(64) collate utf8mb4_bin"`

	// InfoDigest is what was told of the conversation last: see heard.
	InfoDigest string `bun:"info_digest,notnull,type:varchar(64)"`

	// StateMicros and InfoMicros are not used. Builds before compared the stamps of
	// what came by them, so that one stamp of a wrong clock hid all that came later.
	StateMicros int64 `bun:"state_micros,notnull"`
	InfoMicros  int64 `bun:"info_micros,notnull"`

	// Agent is a JSON object. Its skills, which can be most of it and are seldom asked for,
	// are in Skills, and an empty list is in their place.
	Agent string `bun:"agent,notnull,type:text"`
	// Skills is a JSON array, packed if it is large; nil for none. See [Store.ReadSkills].
	Skills             []byte `bun:"agent_skills"`
	Workspace          string `bun:"workspace,notnull,type:text"`           // JSON object
	ConfirmationPolicy string `bun:"confirmation_policy,notnull,type:text"` // JSON object
	Stats              string `bun:"stats,notnull,type:text"`               // JSON object
	Tags               string `bun:"tags,notnull,type:text"`                // JSON object of texts
	// Details is a JSON object of the members that are kept and given back
	// but that nothing here looks into.
	Details string `bun:"details,notnull,type:text"`

	MaxIterations  int64   `bun:"max_iterations,notnull"`
	StuckDetection bool    `bun:"stuck_detection,notnull"`
	LeafEventID    *string `bun:"leaf_event_id,type:varchar(255) collate utf8mb4_bin"`

	CreatedByUserID *string `bun:"created_by_user_id,type:varchar(255) collate utf8mb4_bin"`
	SandboxID       *string `bun:"sandbox_id,type:varchar(255) collate utf8mb4_bin"`
	LLMModel        *string `bun:"llm_model,type:text"`
	AgentKind       string  `bun:"agent_kind,notnull,type:varchar(64)"`
	Public          bool    `bun:"public,notnull"`
	PRNumbers       string  `bun:"pr_numbers,notnull,type:text"` // JSON array

	// EventCount is how many events the conversation has.
	EventCount int64 `bun:"event_count,notnull"`
	// Numbered is how many of its events have a number: the number of the next.
	Numbered int64 `bun:"numbered,notnull,default:0"`

	AccumulatedCost  float64  `bun:"accumulated_cost,notnull"`
	MaxBudgetPerTask *float64 `bun:"max_budget_per_task"`
	PromptTokens     int64    `bun:"prompt_tokens,notnull"`
	CompletionTokens int64    `bun:"completion_tokens,notnull"`
	CacheReadTokens  int64    `bun:"cache_read_tokens,notnull"`
	CacheWriteTokens int64    `bun:"cache_write_tokens,notnull"`
	ReasoningTokens  int64    `bun:"reasoning_tokens,notnull"`
	ContextWindow    int64    `bun:"context_window,notnull"`
	PerTurnToken     int64    `bun:"per_turn_token,notnull"`

	// CreatedAt is set once. Both are UTC, in whole microseconds.
	CreatedAt time.Time `bun:"created_at,notnull"`
	UpdatedAt time.Time `bun:"updated_at,notnull"`

	// withSkills says that Agent has its skills: see ReadSkills.
	withSkills bool
}

// Indexes serve each order of listings, alone and with each filter for equality.
func (*Conversation) Indexes() []dbmodule.Index {
	return []dbmodule.Index{
		{Columns: []string{"created_at", "id"}},
		{Columns: []string{"updated_at", "id"}},
		{Columns: []string{"title_sort", "id"}},
		{Columns: []string{"execution_status", "created_at", "id"}},
		{Columns: []string{"execution_status", "updated_at", "id"}},
		{Columns: []string{"parent_conversation_id", "created_at", "id"}},
		{Columns: []string{"has_parent", "created_at", "id"}},
		{Columns: []string{"has_parent", "updated_at", "id"}},
		{Columns: []string{"has_parent", "title_sort", "id"}},
		{Columns: []string{"public", "created_at", "id"}},
		{Columns: []string{"public", "updated_at", "id"}},
		{Columns: []string{"public", "title_sort", "id"}},
		{Columns: []string{"sandbox_id", "created_at", "id"}},
		{Columns: []string{"sandbox_id", "updated_at", "id"}},
		{Columns: []string{"sandbox_id", "title_sort", "id"}},
	}
}

// blank is a conversation about which nothing is known but its id.
func blank(id string, at time.Time) *Conversation {
	return &Conversation{
		ID:                 id,
		ExecutionStatus:    StatusIdle,
		Agent:              "{}",
		Workspace:          "{}",
		ConfirmationPolicy: `{"kind":"NeverConfirm"}`,
		Stats:              `{"usage_to_metrics":{}}`,
		Tags:               "{}",
		Details:            "{}",
		MaxIterations:      500,
		StuckDetection:     true,
		AgentKind:          "openhands",
		PRNumbers:          "[]",
		CreatedAt:          at,
		UpdatedAt:          at,
	}
}

const (
	// StatusIdle is a new conversation's execution_status.
	StatusIdle = "idle"
	// StatusDeleting is what an agent server says of a conversation that it is about
	// to delete. The store keeps the conversation, as it was before.
	StatusDeleting = "deleting"
)
