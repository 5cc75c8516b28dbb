package settings_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/program/settings"
)

type shelf struct {
	Room   string            `envconfig:"SHELF_ROOM" default:"attic" desc:"where it stands"`
	Books  int               `envconfig:"SHELF_BOOKS" default:"3" desc:"how many it has"`
	Wait   time.Duration     `envconfig:"SHELF_WAIT" default:"1m" desc:"how long"`
	Colour colour            `envconfig:"SHELF_COLOUR" default:"red" takes:"red or blue" desc:"its colour"`
	Key    httpmodule.Secret `envconfig:"SHELF_KEY" desc:"what opens it"`
	Notes  []string          `envconfig:"SHELF_NOTES" desc:"what to know"`
	Func   func()            `ignored:"true"`
	Inner  struct {
		Doors bool `envconfig:"SHELF_DOORS" default:"false" desc:"whether it has doors"`
	}
}

func (s *shelf) Validate() error {
	var errs []error
	if s.Books < 0 {
		errs = append(errs, fmt.Errorf("shelf: SHELF_BOOKS=%d: takes 0 or more", s.Books))
	}
	if strings.Contains(s.Room, "!") {
		errs = append(errs, fmt.Errorf("shelf: SHELF_ROOM=%s: takes a name", s.Room))
	}
	return errors.Join(errs...)
}

type colour string

func (c *colour) UnmarshalText(text []byte) error {
	if *c = colour(text); *c != "red" && *c != "blue" {
		return errors.New("no colour: " + string(text))
	}
	return nil
}

func defaults() *shelf { return &shelf{Room: "attic", Books: 3, Wait: time.Minute, Colour: "red"} }

// Not parallel, as all here: it sets environment variables.
func TestRead(t *testing.T) {
	for name, value := range map[string]string{
		"SHELF_ROOM": "hall", "SHELF_BOOKS": "7", "SHELF_WAIT": "90s", "SHELF_COLOUR": "blue", "SHELF_KEY": "s3cret", "SHELF_NOTES": "a, b", "SHELF_DOORS": "true",
	} {
		t.Setenv(name, value)
	}
	s := defaults()
	read := settings.Read(s)
	require.NoError(t, read.Err())
	want := defaults()
	want.Room, want.Books, want.Wait, want.Colour, want.Key, want.Notes, want.Inner.Doors = "hall", 7, 90*time.Second, "blue", "s3cret", []string{"a", "b"}, true
	assert.Equal(t, want, s)
	for _, entry := range read.List() {
		assert.True(t, entry.Set, entry.Name)
		assert.NotContains(t, entry.Value, "s3cret")
	}
}

func TestDefaultsStayWhereNothingIsSet(t *testing.T) {
	s := defaults()
	s.Books = 9 // the program's own default
	read := settings.Read(s)
	require.NoError(t, read.Err())
	want := defaults()
	want.Books = 9
	assert.Equal(t, want, s)
	var got []string
	for _, entry := range read.List() {
		got = append(got, entry.Name+" "+entry.Value+" "+entry.Default)
	}
	assert.Equal(t, []string{
		"SHELF_ROOM attic attic", "SHELF_BOOKS 9 9", "SHELF_WAIT 1m 1m", "SHELF_COLOUR red red", "SHELF_KEY  ", "SHELF_NOTES  ", "SHELF_DOORS false false",
	}, got)
}

func TestProblemsComeAllAtOnceAndWithoutValues(t *testing.T) {
	for name, value := range map[string]string{
		"SHELF_ROOM": "pass word!", "SHELF_BOOKS": "-1", "SHELF_WAIT": "s3cret", "SHELF_COLOUR": "s3cret", "SHELF_DOORS": "s3cret", "SHELF_NOTES": "",
	} {
		t.Setenv(name, value)
	}
	s := defaults()
	read := settings.Read(s)
	var wrong *settings.Error
	require.ErrorAs(t, read.Err(), &wrong)
	var texts []string
	for _, problem := range wrong.Problems {
		texts = append(texts, problem.Text)
	}
	assert.Equal(t, []string{
		"SHELF_ROOM=***: takes a name",
		"SHELF_BOOKS=-1: takes 0 or more",
		"SHELF_WAIT: takes a duration with its unit, for example 30s, 500ms or 2m",
		"SHELF_COLOUR: takes red or blue",
		"SHELF_DOORS: takes true or false",
	}, texts)
	assert.Equal(t, time.Minute, s.Wait)
	assert.Equal(t, "settings: read the environment: "+strings.Join(texts, "; "), wrong.Error())
}

type bookcase struct {
	A4   string `envconfig:"CASE_A4" default:"none" desc:"what is on the shelf of size A4"`
	Code string `envconfig:"CASE_CODE" desc:"what opens it"`
}

func (c *bookcase) Validate() error {
	return errors.Join(errors.New("case2: CASE_A4: takes sheets"), fmt.Errorf("the code %s opens nothing", c.Code))
}

func TestNoErrorOfValidateIsLost(t *testing.T) {
	t.Setenv("CASE_CODE", "my s3cret!")
	var wrong *settings.Error
	require.ErrorAs(t, settings.Read(&bookcase{A4: "none"}).Err(), &wrong)
	assert.Equal(t, []settings.Problem{
		{Name: "CASE_A4", Text: "CASE_A4: takes sheets"},
		{Text: "the code *** opens nothing"},
	}, wrong.Problems)
}

func TestMisspelt(t *testing.T) {
	t.Setenv("SHELF_COLUOR", "blue")
	t.Setenv("DATABASE_UNKNOWN", "1")
	t.Setenv("SHELF_BOOKS", "1")
	assert.Equal(t, []string{
		"DATABASE_UNKNOWN is not a setting and is ignored: see books config",
		"SHELF_COLUOR is not a setting and is ignored: did you mean SHELF_COLOUR?",
	}, settings.Read(defaults()).Misspelt("see books config"))
}

// Variables of a named database are those of the main one after its name; others of that form
// belong to other programs.
func TestMisspeltOfANamedDatabase(t *testing.T) {
	type database struct {
		URL  string `envconfig:"DATABASE_URL"`
		Size int    `envconfig:"DATABASE_POOL_SIZE" default:"5"`
	}
	for _, name := range []string{"AUDIT_DATABASE_URL", "AUDIT_DATABASE_POOL_SIZE", "AUDIT_DATABASE_POOLSIZE", "AUDIT_DATABASE_OWNER", "OTHER_DATABASE_POOLSIZE"} {
		t.Setenv(name, "7")
	}
	assert.Equal(t, []string{
		"AUDIT_DATABASE_POOLSIZE is not a setting and is ignored: did you mean AUDIT_DATABASE_POOL_SIZE?",
	}, settings.Read(&database{Size: 5}).Misspelt("see books config"))
}

func TestReadTakesPointersToStructs(t *testing.T) {
	assert.PanicsWithValue(t, "settings: read into settings_test.shelf: it takes pointers to structs", func() { settings.Read(*defaults()) })
}

func ExampleRead() {
	cfg := struct {
		Greeting string `envconfig:"GREETING" default:"hello" desc:"what to say first"`
	}{Greeting: "hello"}
	read := settings.Read(&cfg)
	fmt.Println(cfg.Greeting, read.Err())
	// Output: hello <nil>
}
