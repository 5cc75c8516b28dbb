package conversations

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/openhands-go/server/app/wire"
)

const (
	maxTitle    = 200
	maxTagValue = 256
	maxName     = 255
	maxStatus   = 64
)

var tagKey = regexp.MustCompile(`^[a-z0-9]+$`)

// kept are the members of a ConversationInfo that are stored in Details and returned unchanged, except that
// secrets are masked. Other members that have no column, such as its secret registry, are not stored.
var kept = [...]string{
	"activated_knowledge_skills", "invoked_skills", "blocked_actions", "blocked_messages",
	"last_user_message_id", "persistence_dir", "security_analyzer", "hook_config", "agent_state",
	"forked_from_conversation_id", "forked_from_event_id", "current_model_id", "available_models",
	"supports_runtime_model_switch", "launched_agent_profile", "client_tools",
	"selected_repository", "selected_branch", "git_provider", "trigger",
}

// cleared are those of kept that an agent server unsets by null, and those of them that are no
// part of the whole state if they are null.
var (
	cleared   = [...]string{"security_analyzer", "hook_config", "last_user_message_id", "current_model_id", "launched_agent_profile"}
	notInFull = cleared[:3]
)

// Patch is a change of a conversation. Members that are nil do not change.
type Patch struct {
	ID       string
	ParentID *string
	Title    *string
	Status   *string

	Agent, Workspace, ConfirmationPolicy, Stats, Tags, PRNumbers []byte
	// Details are members to set in the conversation's details, or to unset by null.
	Details map[string]json.RawMessage

	MaxIterations   *int64
	StuckDetection  *bool
	LeafEventID     *string
	CreatedByUserID *string
	SandboxID       *string
	Public          *bool
	CreatedAt       *time.Time
	UpdatedAt       *time.Time

	// replaceTags says that Tags replace all tags; otherwise they are added to the existing ones.
	replaceTags bool

	// digest is the mark of the request's body: see heard.
	digest string
}

// ParsePatch parses a conversation that an agent server or a client sends: a ConversationInfo, whose identifier
// is id, or a StartConversationRequest, where it is conversation_id. It masks secrets. Its error is a
// [wire.Invalid] below "body".
func ParsePatch(raw []byte) (*Patch, error) {
	object, err := wire.ParseObject(raw)
	if err != nil {
		return nil, wire.Under(err, "body")
	}
	p, err := parsePatch(object)
	if err != nil {
		return nil, wire.Under(err, "body")
	}
	p.digest = markOf(raw)
	return p, nil
}

// LeftOut is a member of a push that could not be read.
type LeftOut struct {
	Name  string
	Value json.RawMessage
	// Reason is a [wire.Invalid] below "body".
	Reason error
}

// ParsePush is [ParsePatch] for a push of an agent server, which would lose the push if it were refused. So
// ParsePush leaves out members that can't be read, and returns them. It returns an error only if the push is
// not an object or has no id.
func ParsePush(raw []byte) (p *Patch, leftOut []LeftOut, err error) {
	if p, err = ParsePatch(raw); err == nil {
		return p, nil, missingID(p)
	}
	object, parseErr := wire.ParseObject(raw)
	if parseErr != nil {
		return nil, nil, wire.Under(parseErr, "body")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if name == "id" || name == "conversation_id" {
			continue
		}
		if _, err := parsePatch(wire.Object{name: object[name]}); err != nil {
			leftOut = append(leftOut, LeftOut{Name: name, Value: object[name], Reason: wire.Under(err, "body")})
			delete(object, name)
		}
	}
	if p, err = parsePatch(object); err != nil {
		return nil, nil, wire.Under(err, "body")
	}
	p.digest = markOf(raw)
	return p, leftOut, missingID(p)
}

func missingID(p *Patch) error {
	if p.ID == "" {
		return wire.NewInvalid("missing", "Field required", "body", "id")
	}
	return nil
}

func parsePatch(o wire.Object) (*Patch, error) {
	r := reader{object: o}
	p := &Patch{
		ID:                 r.id("id", "conversation_id"),
		ParentID:           r.parent(),
		Title:              r.text("title", 0),
		Status:             r.text("execution_status", maxStatus),
		Agent:              r.document("agent"),
		Workspace:          r.document("workspace"),
		ConfirmationPolicy: r.document("confirmation_policy"),
		Stats:              r.document("stats"),
		Tags:               r.tags(),
		PRNumbers:          r.list("pr_number"),
		MaxIterations:      r.count("max_iterations"),
		StuckDetection:     r.flag("stuck_detection"),
		LeafEventID:        r.text("leaf_event_id", maxName),
		CreatedByUserID:    r.text("user_id", maxName),
		SandboxID:          r.text("sandbox_id", maxName),
		Public:             r.flag("public"),
		CreatedAt:          r.time("created_at"),
		UpdatedAt:          r.time("updated_at"),
	}
	if p.Status != nil && *p.Status == "" {
		r.fail(wire.NewInvalid("string_too_short", "String should have at least 1 character", "execution_status"))
	}
	if p.Status != nil && *p.Status == deletionMark {
		r.fail(wire.NewInvalid("value_error", "The server reserves this status for conversations that it is deleting: send another one", "execution_status"))
	}
	for _, name := range kept {
		if _, named := o[name]; !named || !o.Has(name) && !slices.Contains(cleared[:], name) {
			continue
		}
		if p.Details == nil {
			p.Details = map[string]json.RawMessage{}
		}
		p.Details[name] = r.redacted(name)
	}
	return p, r.err
}

// updatable are the details that clients may change.
var updatable = [...]string{"selected_repository", "selected_branch", "git_provider"}

// ParseUpdate parses the body of a PATCH: title, tags and, for the app server's format, public,
// selected_repository, selected_branch and git_provider. It ignores other members.
func ParseUpdate(raw []byte) (*Patch, error) {
	object, err := wire.ParseObject(raw)
	if err != nil {
		return nil, wire.Under(err, "body")
	}
	r := reader{object: object}
	p := &Patch{Title: r.text("title", maxTitle), Tags: r.tags(), Public: r.flag("public"), replaceTags: true}
	for _, name := range updatable {
		if text := r.text(name, 0); text != nil {
			if p.Details == nil {
				p.Details = map[string]json.RawMessage{}
			}
			p.Details[name] = object[name]
		}
	}
	if p.Title != nil && *p.Title == "" {
		r.fail(wire.NewInvalid("string_too_short", "String should have at least 1 character", "title"))
	}
	return p, wire.Under(r.err, "body")
}

// reader reads the members of an object, and keeps the first error.
type reader struct {
	object wire.Object
	err    error
}

func (r *reader) fail(err error) {
	if r.err == nil && err != nil {
		r.err = err
	}
}

func (r *reader) text(name string, maxRunes int) *string {
	s, err := r.object.String(name, maxRunes)
	r.fail(err)
	return s
}

func (r *reader) id(names ...string) string {
	for _, name := range names {
		s := r.text(name, 0)
		if s == nil {
			continue
		}
		id, err := wire.ParseID(*s)
		r.fail(wire.Under(err, name))
		return id
	}
	return ""
}

func (r *reader) parent() *string {
	if id := r.id("parent_conversation_id"); id != "" {
		return &id
	}
	return nil
}

func (r *reader) flag(name string) *bool {
	b, err := r.object.Bool(name)
	r.fail(err)
	return b
}

func (r *reader) count(name string) *int64 {
	n, err := r.object.Int(name)
	r.fail(err)
	if n != nil && *n < 1 {
		r.fail(wire.NewInvalid("greater_than_equal", "Input should be greater than or equal to 1", name))
	}
	return n
}

func (r *reader) time(name string) *time.Time {
	s := r.text(name, 0)
	if s == nil {
		return nil
	}
	t, err := wire.ParseTime(*s)
	r.fail(wire.Under(err, name))
	return &t
}

func (r *reader) redacted(name string) json.RawMessage {
	masked, err := wire.RedactMember(name, r.object[name])
	r.fail(wire.Under(err, name))
	return masked
}

func (r *reader) document(name string) []byte {
	return r.shaped(name, '{', "model_attributes_type", "Input should be an object")
}

func (r *reader) list(name string) []byte {
	return r.shaped(name, '[', "list_type", "Input should be a valid list")
}

func (r *reader) shaped(name string, first byte, kind, msg string) []byte {
	if !r.object.Has(name) {
		return nil
	}
	if wire.Kind(r.object[name]) != first {
		r.fail(wire.NewInvalid(kind, msg, name))
		return nil
	}
	return r.redacted(name)
}

func (r *reader) tags() []byte {
	tags, err := r.object.Object("tags")
	r.fail(err)
	if tags == nil {
		return nil
	}
	clean := make(map[string]string, len(tags))
	for key := range tags {
		if !tagKey.MatchString(key) || len(key) > maxName {
			r.fail(wire.NewInvalid("tag_key",
				"Tag keys should be lowercase alphanumeric", "tags", key))
			return nil
		}
		value, err := tags.String(key, maxTagValue)
		if err == nil && value == nil {
			err = wire.NewInvalid("string_type", "Input should be a valid string", key)
		}
		if err != nil {
			r.fail(wire.Under(err, "tags"))
			return nil
		}
		clean[key] = *value
	}
	text, err := json.Marshal(clean)
	r.fail(err)
	return text
}

// IsFullState reports whether a state update has this key because it contains the whole state.
func IsFullState(key string) bool { return key == "full_state" || key == "__full_state__" }

// stateMembers are the members of the state in an agent server's events, besides those of kept.
var stateMembers = [...]string{
	"execution_status", "stats", "leaf_event_id", "agent", "workspace", "confirmation_policy", "tags",
	"max_iterations", "stuck_detection",
}

// ParseState parses the value of a ConversationStateUpdateEvent. key names one member; if [IsFullState]
// accepts it, value is an object with all members. ParseState leaves out members with an unexpected type and
// members that are not stored, because refusing the event would lose it. It returns nil if none is left. The whole state does not
// have what is null: see notInFull.
func ParseState(key string, value []byte) *Patch {
	object := wire.Object{key: value}
	if IsFullState(key) {
		full, err := wire.ParseObject(value)
		if err != nil {
			return nil
		}
		object = full
		for _, name := range notInFull {
			if _, named := object[name]; !named {
				object[name] = json.RawMessage("null")
			}
		}
	}
	p, found := &Patch{}, false
	for _, name := range slices.Concat(stateMembers[:], kept[:]) {
		member, ok := object[name]
		if !ok {
			continue
		}
		part, err := parsePatch(wire.Object{name: member})
		if err != nil || part.Status != nil && *part.Status == StatusDeleting {
			continue
		}
		p.Merge(part)
		found = true
	}
	if !found {
		return nil
	}
	return p
}

// Merge overwrites members of the state with those of part, which is newer.
func (p *Patch) Merge(part *Patch) {
	takeOver(&p.Status, part.Status)
	takeOver(&p.LeafEventID, part.LeafEventID)
	takeOver(&p.MaxIterations, part.MaxIterations)
	takeOver(&p.StuckDetection, part.StuckDetection)
	for _, document := range [...][2]*[]byte{
		{&p.Stats, &part.Stats},
		{&p.Agent, &part.Agent},
		{&p.Workspace, &part.Workspace},
		{&p.ConfirmationPolicy, &part.ConfirmationPolicy},
	} {
		if to, from := document[0], document[1]; *from != nil {
			*to = *from
		}
	}
	if part.Tags != nil {
		p.Tags = mergeTags(p.Tags, part.Tags)
	}
	if len(part.Details) > 0 && p.Details == nil {
		p.Details = map[string]json.RawMessage{}
	}
	maps.Copy(p.Details, part.Details)
}

func takeOver[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// onlyProgress reports whether the patch changes only members that change all the time: status, stats and leaf.
func (p *Patch) onlyProgress() bool {
	return p.Agent == nil && p.Workspace == nil && p.ConfirmationPolicy == nil && p.Tags == nil &&
		p.MaxIterations == nil && p.StuckDetection == nil && len(p.Details) == 0
}
