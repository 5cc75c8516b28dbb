package conversations_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/apptest"
	"github.com/openhands-go/server/app/conversations"
)

// full is a conversation of which each column has something that its zero value has not.
func full(t testing.TB) *conversations.Conversation {
	t.Helper()
	c := new(conversations.Conversation)
	row := reflect.ValueOf(c).Elem()
	for i := range row.NumField() {
		if row.Type().Field(i).Tag.Get("bun") == "" || row.Type().Field(i).Anonymous {
			continue
		}
		switch field := row.Field(i).Addr().Interface().(type) {
		case *string:
			*field = `{"a":"b"}`
		case **string:
			*field = ptr("text")
		case *[]byte:
			*field = []byte(`["skill"]`)
		case *bool:
			*field = true
		case *int64:
			*field = int64(i)
		case *float64:
			*field = float64(i)
		case **float64:
			*field = ptr(float64(i))
		case *time.Time:
			*field = time.Date(2026, 1, 2, 3, 4, 5, i*1000, time.UTC)
		default:
			t.Fatalf("%s is a %T", row.Type().Field(i).Name, field)
		}
	}
	c.ID, c.ParentID = id(1), ptr(id(2))
	c.Agent, c.AgentKind, c.PRNumbers = `{"kind":"ACPAgent","acp_server":"other"}`, "acp", `[7]`
	c.Workspace = `{"working_dir":"here"}`
	c.Details = `{"current_model_id":"m","selected_branch":"main","trigger":"gui","client_tools":[1]}`
	return c
}

// What is read to be shown is all that the views show.
func TestReadsHaveAllThatViewsShow(t *testing.T) {
	t.Parallel()
	apptest.Each(t, func(t *testing.T, s *apptest.Server) {
		c := full(t)
		db := s.Sessions.New()
		defer func() { require.NoError(t, db.Close()) }()
		_, err := db.NewInsert().Model(c).Returning("NULL").Exec(t.Context())
		require.NoError(t, err)
		got, err := s.Conversations.Get(t.Context(), db, c.ID)
		require.NoError(t, err)
		batch, err := s.Conversations.Batch(t.Context(), db, nil, []string{c.ID})
		require.NoError(t, err)
		page, _, err := s.Conversations.Page(t.Context(), db, nil, conversations.Filter{}, "CREATED_AT", "", 5)
		require.NoError(t, err)
		require.Len(t, page, 1)
		app, _, err := s.Conversations.AppPage(t.Context(), db, nil, conversations.Filter{}, "CREATED_AT", "", 5)
		require.NoError(t, err)
		require.Len(t, app, 1)
		for name, read := range map[string]*conversations.Conversation{"get": got, "batch": batch[0], "page": page[0]} {
			assert.JSONEq(t, text(t, c.Info(nil)), text(t, read.Info(nil)), name)
			assert.JSONEq(t, text(t, c.AppInfo(nil)), text(t, read.AppInfo(nil)), name)
		}
		assert.JSONEq(t, text(t, c.AppInfo(nil)), text(t, app[0].AppInfo(nil)))
		other := *c
		other.ID = id(3)
		_, err = db.NewInsert().Model(&other).Returning("NULL").Exec(t.Context())
		require.NoError(t, err)
		for _, order := range []string{"CREATED_AT", "UPDATED_AT", "TITLE"} {
			first, next, err := s.Conversations.AppPage(t.Context(), db, nil, conversations.Filter{}, order, "", 1)
			require.NoError(t, err)
			second, last, err := s.Conversations.AppPage(t.Context(), db, nil, conversations.Filter{}, order, next, 1)
			require.NoError(t, err)
			require.Len(t, second, 1, order)
			assert.NotEqual(t, first[0].ID, second[0].ID, order)
			assert.Empty(t, last, order)
		}
	})
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

// The members that a view shows as they came, and what it shows where there is none.
func TestAppInfoOfWhatIsStored(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ details, tags, workspace, want string }{
		"nothing":                {`{}`, `{}`, `{}`, `null null {} null`},
		"all":                    {`{"trigger":"gui","selected_branch":"main"}`, `{"a":"b"}`, `{"working_dir":"w"}`, `"gui" "main" {"a":"b"} {"working_dir":"w"}`},
		"the last of a name":     {`{"trigger":1,"trigger":[2, 3]}`, `{}`, `{}`, `[2,3] null {} null`},
		"a name with an escape":  {`{"trig\u0067er":"gui"}`, `{}`, `{"working\u005fdir":"w"}`, `"gui" null {} {"working_dir":"w"}`},
		"null":                   {`{"trigger":null,"selected_branch":null}`, `null`, `{"working_dir":null}`, `null null {} null`},
		"by an automation":       {`{"trigger":null}`, `{"automationid":"7"}`, `{}`, `"automation" null {"automationid":"7"} null`},
		"what can't be read":     {`{"trigger":`, `{"a":1}`, `[]`, `null null {} null`},
		"what can't be read all": {`{"trigger":x}`, `[`, `{"working_dir":x}`, `null null {} null`},
	} {
		c := &conversations.Conversation{ID: id(1), Details: test.details, Tags: test.tags, Workspace: test.workspace, PRNumbers: "[]"}
		info := c.AppInfo(nil)
		var shown []string
		for _, v := range []any{info.Trigger, info.SelectedBranch, info.Tags, info.Workspace} {
			shown = append(shown, text(t, v))
		}
		assert.Equal(t, test.want, strings.Join(shown, " "), name)
	}
}

func BenchmarkAppInfo(b *testing.B) {
	for name, details := range map[string]string{"plain": "{}", "details": `{"selected_branch":"main","selected_repository":"o/r","trigger":"gui"}`} {
		b.Run(name, func(b *testing.B) {
			c := &conversations.Conversation{
				ID: id(1), Details: details, Tags: "{}", Workspace: `{"kind":"LocalWorkspace","working_dir":"workspace/project"}`, PRNumbers: "[]",
			}
			b.ReportAllocs()
			for b.Loop() {
				c.AppInfo(nil)
			}
		})
	}
}
