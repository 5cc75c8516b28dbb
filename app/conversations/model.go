package conversations

import (
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

// Conversation is a row of conversations. The columns called JSON hold one JSON document each, whose secrets
// are masked.
type Conversation struct {
	bun.BaseModel `bun:"table:conversations,alias:conversation"`

	// ID is a UUID, dashed and in lower case.
	ID string `bun:"id,pk,type:varchar(36) collate utf8mb4_bin"`
	// ParentID is the conversation that owns this one. It may not exist: deleting a parent keeps
	// its children.
	ParentID *string `bun:"parent_conversation_id,type:varchar(36) collate utf8mb4_bin"`
	// HasParent says that ParentID is not nil. It exists for MariaDB, which uses an index's order
	// for a condition on this column, but would sort for parent_conversation_id IS NULL.
	HasParent bool    `bun:"has_parent,notnull,default:false"`
	Title     *string `bun:"title,type:text"`
	// TitleFolded is the title in the form that title__contains compares: see [wire.Fold].
	TitleFolded *string `bun:"title_folded,type:text"`
	// TitleSort is the sort key of listings by title: the beginning of the folded title, or "".
	TitleSort string `bun:"title_sort,notnull,default:'',type:varchar(255) collate utf8mb4_bin"`
	// TitlePinned, TagsPinned and PublicPinned say that a client has set title, tags or public:
	// later pushes of an agent server do not change them.
	TitlePinned  bool `bun:"title_pinned,notnull"`
	TagsPinned   bool `bun:"tags_pinned,notnull"`
	PublicPinned bool `bun:"public_pinned,notnull"`

	ExecutionStatus string `bun:"execution_status,notnull,type:varchar(64) collate utf8mb4_bin"`

	// InfoDigest identifies the last messages that changed the conversation: see heard.
	InfoDigest string `bun:"info_digest,notnull,type:varchar(64)"`

	// StateMicros and InfoMicros are not used any more. Earlier builds ignored messages with older
	// timestamps, so that one timestamp of a wrong clock hid all later messages.
	StateMicros int64 `bun:"state_micros,notnull"`
	InfoMicros  int64 `bun:"info_micros,notnull"`

	// Agent is a JSON object. Its skills are stored in Skills, because they can be large and few
	// requests need them. Here they are an empty list.
	Agent string `bun:"agent,notnull,type:text"`
	// Skills is a JSON array, packed if it is large; nil for none. See [Store.ReadSkills].
	Skills             []byte `bun:"agent_skills"`
	Workspace          string `bun:"workspace,notnull,type:text"`           // JSON object
	ConfirmationPolicy string `bun:"confirmation_policy,notnull,type:text"` // JSON object
	Stats              string `bun:"stats,notnull,type:text"`               // JSON object
	Tags               string `bun:"tags,notnull,type:text"`                // JSON object of texts
	// Details is a JSON object of the members that are stored and returned, but not used here.
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
	// Numbered is how many of its events have a number, and so the number of the next event.
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

	// CreatedAt never changes. Both times are in UTC, in whole microseconds.
	CreatedAt time.Time `bun:"created_at,notnull"`
	UpdatedAt time.Time `bun:"updated_at,notnull"`

	// withSkills says that ReadSkills has put the skills into Agent.
	withSkills bool
}

// Indexes returns an index for each order of listings, alone and after the column of each filter for equality.
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

// blank returns a conversation of which only the id is known.
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
	// StatusDeleting is the status that an agent server pushes before it deletes its own copy of a
	// conversation. The store ignores it, and keeps the conversation.
	StatusDeleting = "deleting"
)
