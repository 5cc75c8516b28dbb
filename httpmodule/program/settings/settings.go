// Package settings reads environment variables into structs with envconfig's tags, and reports all
// invalid ones at once, without secrets.
//
// The tags of a field are envconfig (the variable's name), desc (its meaning), default, and takes (the
// values that it accepts, if the type does not say that).
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

// Settings are the settings of a program, with their values and problems.
type Settings struct {
	all []*setting
	// general are the errors of Validate methods that name no setting.
	general []string
}

// Read reads the environment into structs. Each argument is a pointer to a struct that holds the
// defaults; a variable that is not set, or can't be read, leaves the default. Then Read calls the
// structs' methods Validate() error. The text of each error that Validate joins must begin with the
// package's name, a colon and the variable's name, for example "shop: CURRENCY: takes EUR or USD": so
// Read knows which setting is invalid. An error of another form is a problem without a setting.
//
// Read panics if an argument is not a pointer to a struct: that is a mistake in the program.
func Read(structs ...any) *Settings {
	s := &Settings{}
	found := make([][]*setting, len(structs))
	for i, into := range structs {
		found[i] = read("", into)
		s.all = append(s.all, found[i]...)
	}
	for i, into := range structs {
		s.validate("", into, found[i])
	}
	return s
}

// ReadNamed reads one more struct as [Read] does. The name of each variable begins with prefix, such as
// "ARCHIVE_". The struct holds the defaults.
func (s *Settings) ReadNamed(prefix string, into any) {
	found := read(prefix, into)
	s.validate(prefix, into, found)
	s.all = append(s.all, found...)
}

// Err returns an *[Error] with all problems, or nil.
func (s *Settings) Err() error {
	var problems []Problem
	for _, setting := range s.all {
		if setting.problem != "" {
			problems = append(problems, Problem{Name: setting.name, Text: setting.problem})
		}
	}
	for _, text := range s.general {
		problems = append(problems, Problem{Text: text})
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Problems: problems}
}

// Setting describes a setting and its value.
type Setting struct {
	Name string `json:"name"`
	// Value is the current value. Secrets, and texts that could be secrets, are masked.
	Value   string `json:"value"`
	Default string `json:"default"`
	Meaning string `json:"meaning"`
	// Set says that the environment has the variable.
	Set bool `json:"set"`
	// Problem says what is wrong with the variable; Value is empty then.
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
	fallback string // the default, in the form of the variable
	meaning  string

	field reflect.StructField
	value reflect.Value
	isSet bool
	// raw is the variable's value; it may be a secret.
	raw string
	// problem is the first problem. If the variable can't be read, the field has its default, and
	// Validate's error would be about that.
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
				s.report(s.name + ": " + s.unreadable())
			}
		}
	}
	return all
}

// validate reports the errors of a struct's Validate.
func (s *Settings) validate(prefix string, into any, all []*setting) {
	v, ok := into.(interface{ Validate() error })
	if !ok {
		return
	}
	for _, err := range leaves(v.Validate()) {
		name := prefix + settingOf(err)
		if i := slices.IndexFunc(all, func(s *setting) bool { return s.name == name }); i >= 0 {
			all[i].invalid(prefix, err)
		} else {
			s.general = append(s.general, masked(err.Error(), all...))
		}
	}
}

// fieldsOf lists the fields of a struct, and of structs in it, that have a variable.
func fieldsOf(v reflect.Value) []*setting {
	var all []*setting
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, ok := field.Tag.Lookup("envconfig")
		if field.Tag.Get("ignored") == "true" {
			continue
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
		if !s.hasTagDefault() {
			s.fallback = s.text() // the program's default replaces the library's
		}
		all = append(all, s)
	}
	return all
}

// parse reads a variable as the field's type, in a struct with that field alone. With the whole struct,
// envconfig would stop at the first error, and would prefer HTTP_PORT to PORT for a field in a struct
// named HTTP.
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
	if err != nil {
		return err
	}
	if list, ok := v.Interface().([]string); ok {
		for i := range list {
			list[i] = strings.TrimSpace(list[i]) // of "a, b"
		}
	}
	s.value.Set(v)
	return nil
}

// unset is the name of a variable that is never set: reading it returns the default.
const unset = "SETTINGS_OF_NOBODY_ARE_NEVER_SET"

// hasTagDefault reports whether the field's value is the default of its tag.
func (s *setting) hasTagDefault() bool {
	v, err := s.parse(reflect.StructTag(fmt.Sprintf("envconfig:%q default:%q", unset, s.fallback)))
	return err == nil && reflect.DeepEqual(v.Interface(), s.value.Interface())
}

// report remembers a problem, unless there is one already.
func (s *setting) report(problem string) {
	if s.problem == "" {
		s.problem = problem
	}
}

// unreadable says why a value could not be read. Unlike envconfig's error it does not contain the value,
// which may be a secret in the wrong variable.
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

// invalid reports an error of Validate. It adds the prefix of the variable, which Validate does not know,
// and masks texts that could be secrets.
func (s *setting) invalid(prefix string, err error) {
	_, text, _ := strings.Cut(err.Error(), ": ")
	s.report(masked(prefix+text, s))
}

// masked masks the settings' values in a text, if they could be secrets.
func masked(text string, all ...*setting) string {
	for _, s := range all {
		for _, part := range s.parts() {
			if !harmless(part) {
				text = strings.ReplaceAll(text, part, mask)
			}
		}
	}
	return text
}

// parts returns the texts of a setting's value: they could be secrets.
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

// harmlessText matches texts that are shown: hosts, origins and keywords.
var harmlessText = regexp.MustCompile(`^[A-Za-z0-9.:/_*\[\]-]{0,100}$`)

func harmless(text string) bool { return harmlessText.MatchString(text) }

// shown returns the value that the command config shows.
func (s *setting) shown() string {
	if !s.isSet {
		return s.fallback
	}
	return s.text()
}

// text returns the value as text, and masks what could be a secret. A type with a method String masks
// its own secrets.
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

// duration formats a duration as 1m instead of 1m0s.
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

// leaves splits joined errors.
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

var settingName = regexp.MustCompile(`^[a-z0-9]+: ([A-Z][A-Z0-9_]*)\b`)

// settingOf returns the variable that an error of Validate is about.
func settingOf(err error) string {
	if m := settingName.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return ""
}
