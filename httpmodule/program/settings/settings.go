// Package settings reads environment variables into structs with envconfig's tags, and tells
// all that is wrong with them at once, without secrets.
//
// The tags of a field are envconfig (the variable's name), desc (what it means, for people),
// default, and takes (what it takes, where that does not follow from the type).
package settings

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
)

// Settings are the variables of a program, with what the environment says of them.
type Settings struct{ all []*setting }

// Read reads the environment into structs: each argument is a pointer to a struct that
// has its defaults. A variable that is not set, or can't be read, leaves the default. When all are
// read, a struct with a method Validate() error is asked; each error that it joins begins with the
// name of its package, a colon and the variable's name, and belongs to that variable.
//
// It panics on an argument that is no pointer to a struct: that is a mistake in the program.
func Read(structs ...any) *Settings {
	s := &Settings{}
	found := make([][]*setting, len(structs))
	for i, into := range structs {
		found[i] = read("", into)
		s.all = append(s.all, found[i]...)
	}
	for i, into := range structs {
		validate("", into, found[i])
	}
	return s
}

// ReadNamed reads one more struct as [Read] does, with a prefix before the name of each
// variable, such as "ARCHIVE_". What stands in the struct is the default.
func (s *Settings) ReadNamed(prefix string, into any) {
	found := read(prefix, into)
	validate(prefix, into, found)
	s.all = append(s.all, found...)
}

// Err is an *[Error] with everything that is wrong, or nil.
func (s *Settings) Err() error {
	var problems []Problem
	for _, setting := range s.all {
		if setting.problem != "" {
			problems = append(problems, Problem{Name: setting.name, Text: setting.problem})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Problems: problems}
}

// Setting is a variable for people.
type Setting struct {
	Name string `json:"name"`
	// Value is what holds: no secret, and nothing that could be one.
	Value   string `json:"value"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
	// Set says that the environment sets it.
	Set bool `json:"set"`
	// Problem is what is wrong with it; Value is empty then.
	Problem string `json:"problem,omitempty"`
}

// List returns all settings in the order of their structs.
func (s *Settings) List() []Setting {
	list := make([]Setting, len(s.all))
	for i, setting := range s.all {
		list[i] = Setting{
			Name: setting.name, Value: setting.shown(), Default: setting.fallback, Meaning: setting.meaning,
			Set: setting.isSet, Problem: setting.problem,
		}
		if setting.problem != "" {
			list[i].Value = ""
		}
	}
	return list
}

// setting is an environment variable and the field that it sets.
type setting struct {
	name     string
	fallback string // the default, as one would write it
	meaning  string

	field reflect.StructField
	value reflect.Value
	isSet bool
	// raw is what the environment says; it may be a secret.
	raw string
	// problem is what is wrong with it: the first finding, for what Validate says about a
	// value that was not read concerns the default.
	problem string
}

func read(prefix string, into any) []*setting {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("settings: read into %T: it takes pointers to structs", into))
	}
	all := fieldsOf(v.Elem())
	for _, s := range all {
		s.name = prefix + s.name
		if s.raw, s.isSet = os.LookupEnv(s.name); s.isSet {
			if err := s.readField(); err != nil {
				s.found(s.name + ": " + s.unreadable())
			}
		}
	}
	return all
}

// validate notes what a struct says of its values.
func validate(prefix string, into any, all []*setting) {
	v, ok := into.(interface{ Validate() error })
	if !ok {
		return
	}
	for _, err := range leaves(v.Validate()) {
		name := prefix + settingOf(err)
		if i := slices.IndexFunc(all, func(s *setting) bool { return s.name == name }); i >= 0 {
			all[i].invalid(prefix, err)
		}
	}
}

// fieldsOf lists the fields of a struct that name a variable, those of structs in it
// included.
func fieldsOf(v reflect.Value) []*setting {
	var all []*setting
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, ok := field.Tag.Lookup("envconfig")
		if field.Tag.Get("ignored") == "true" {
			continue // a function: no variable can say it
		}
		if !ok {
			if field.Type.Kind() == reflect.Struct && field.IsExported() {
				all = append(all, fieldsOf(v.Field(i))...)
			}
			continue
		}
		s := &setting{
			name: name, fallback: field.Tag.Get("default"), meaning: field.Tag.Get("desc"), field: field, value: v.Field(i),
		}
		if !s.isTagged() {
			s.fallback = s.text() // the program's own default, in the place of its library's
		}
		all = append(all, s)
	}
	return all
}

// parse reads a text as the field's type. Each field is read as a struct of its own: envconfig
// stops at the first error and we want them all, and it lets HTTP_PORT win over PORT when
// the field stands in a struct named HTTP.
func (s *setting) parse(tag reflect.StructTag) (reflect.Value, error) {
	alone := reflect.New(reflect.StructOf([]reflect.StructField{{Name: s.field.Name, Type: s.field.Type, Tag: tag}}))
	if err := envconfig.Process("", alone.Interface()); err != nil {
		return reflect.Value{}, err
	}
	return alone.Elem().Field(0), nil
}

// readField sets the field from the environment.
func (s *setting) readField() error {
	v, err := s.parse(reflect.StructTag(fmt.Sprintf("envconfig:%q default:%q", s.name, s.field.Tag.Get("default"))))
	if err == nil {
		s.value.Set(v)
	}
	return err
}

// unset is the name of a variable that nobody sets: what is read by it is the tag's default.
const unset = "SETTINGS_OF_NOBODY_ARE_NEVER_SET"

// isTagged tells whether the field has the default that its tag says.
func (s *setting) isTagged() bool {
	v, err := s.parse(reflect.StructTag(fmt.Sprintf("envconfig:%q default:%q", unset, s.fallback)))
	return err == nil && reflect.DeepEqual(v.Interface(), s.value.Interface())
}

// found notes what is wrong.
func (s *setting) found(problem string) {
	if s.problem == "" {
		s.problem = problem
	}
}

// unreadable says why a value could not be read, without the value: it may be a secret
// that ended up in the wrong variable. envconfig's own error has it.
func (s *setting) unreadable() string {
	if s.raw == "" {
		if s.fallback == "" {
			return "is set but empty: unset it"
		}
		return "is set but empty: unset it to get the default, " + s.fallback
	}
	if takes := s.field.Tag.Get("takes"); takes != "" {
		return "takes " + takes
	}
	switch s.value.Interface().(type) {
	case time.Duration:
		return "takes a duration with its unit, for example 30s, 500ms or 2m"
	case bool:
		return "takes true or false"
	case int, int64:
		return "takes a whole number"
	}
	return "can't be read"
}

// invalid notes what Validate says, which does not know the prefix of the variables.
func (s *setting) invalid(prefix string, err error) {
	_, text, _ := strings.Cut(err.Error(), ": ")
	text = prefix + text
	for _, part := range s.parts() {
		if !harmless(part) {
			text = strings.ReplaceAll(text, part, mask)
		}
	}
	s.found(text)
}

// parts returns the free text in a setting's value.
func (s *setting) parts() []string {
	switch v := s.value.Interface().(type) {
	case string:
		return []string{v}
	case []string:
		return v
	}
	return nil
}

const mask = "***"

// harmlessText is what hosts, origins and switches look like.
var harmlessText = regexp.MustCompile(`^[A-Za-z0-9.:/_*\[\]-]{0,100}$`)

func harmless(text string) bool { return harmlessText.MatchString(text) }

// shown is the value for people.
func (s *setting) shown() string {
	if !s.isSet {
		return s.fallback
	}
	return s.text()
}

// text writes the value: no secret, nothing that could be one. A type with a method String
// says itself what of it may be seen.
func (s *setting) text() string {
	switch v := s.value.Interface().(type) {
	case time.Duration:
		return duration(v)
	case string, []string:
		parts := append([]string(nil), s.parts()...)
		for i, part := range parts {
			if !harmless(part) {
				parts[i] = mask
			}
		}
		return strings.Join(parts, ",")
	default:
		return fmt.Sprint(v)
	}
}

// duration writes 1m instead of 1m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// leaves takes joined errors apart.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, inner := range joined.Unwrap() {
		all = append(all, leaves(inner)...)
	}
	return all
}

var settingName = regexp.MustCompile(`^[a-z]+: ([A-Z_]+)\b`)

// settingOf returns the variable that an error of a Validate is about.
func settingOf(err error) string {
	if m := settingName.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}
