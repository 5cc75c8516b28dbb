package app

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// setting is an environment variable and the field of a Config that it sets.
type setting struct {
	name     string
	fallback string // the default, as one would write it
	meaning  string

	field    reflect.StructField
	value    reflect.Value
	isSet    bool
	raw      string // what the environment says; it may be a secret
	problems []Problem
}

// readSettings reads the environment into a Config that began as the default.
func readSettings() (Config, []*setting) {
	cfg := DefaultConfig()
	settings := settingsOf(reflect.ValueOf(&cfg).Elem())
	byName := make(map[string]*setting, len(settings))
	for _, s := range settings {
		byName[s.name] = s
		s.raw, s.isSet = os.LookupEnv(s.name)
		if err := s.read(); err != nil {
			s.problem(s.name + ": " + s.unreadable())
		}
	}
	if strings.ContainsAny(cfg.HTTP.Host, "/@ ?#") {
		byName["HOST"].problem("HOST: takes a host name or an IP address")
	}
	for _, err := range leaves(cfg.Validate()) {
		if s := byName[settingOf(err)]; s != nil {
			s.invalid(err)
		}
	}
	return cfg, settings
}

// settingsOf lists the fields of a struct that name a variable, those of
// structs in it included.
func settingsOf(v reflect.Value) []*setting {
	var all []*setting
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, ok := field.Tag.Lookup("envconfig")
		if field.Tag.Get("ignored") == "true" {
			continue // a function: no variable can say it
		}
		if !ok {
			all = append(all, settingsOf(v.Field(i))...)
			continue
		}
		field.Tag = ownDefault(name, field.Tag)
		all = append(all, &setting{
			name:     name,
			fallback: field.Tag.Get("default"),
			meaning:  field.Tag.Get("desc"),
			field:    field,
			value:    v.Field(i),
		})
	}
	return all
}

// ownDefault puts the server's default in the place of its library's.
func ownDefault(name string, tag reflect.StructTag) reflect.StructTag {
	if name != "DATABASE_SCHEMA" {
		return tag
	}
	library, own := tag.Get("default"), string(DefaultConfig().Database.Schema)
	return reflect.StructTag(strings.Replace(string(tag), `default:"`+library+`"`, `default:"`+own+`"`, 1))
}

// read sets the field from the environment. Each field is read as a struct of
// its own: envconfig stops at the first error and we want them all, and it
// lets HTTP_PORT win over PORT when the field stands in a struct named HTTP.
func (s *setting) read() error {
	alone := reflect.New(reflect.StructOf([]reflect.StructField{{
		Name: s.field.Name, Type: s.field.Type, Tag: s.field.Tag,
	}}))
	if err := envconfig.Process("", alone.Interface()); err != nil {
		return err
	}
	s.value.Set(alone.Elem().Field(0))
	return nil
}

// unreadable says why a value could not be read, without the value: it may be
// a secret that ended up in the wrong variable. envconfig's own error has it.
func (s *setting) unreadable() string {
	if s.raw == "" {
		if s.fallback == "" {
			return "is set but empty: unset it"
		}
		return "is set but empty: unset it to get the default, " + s.fallback
	}
	switch s.value.Interface().(type) {
	case dbmodule.EchoMode:
		return "takes false, true or debug"
	case dbmodule.SchemaMode:
		return "takes migrate, check, create or none"
	case zapcore.Level:
		return "takes debug, info, warn or error"
	case LogFormat:
		return "takes auto, console or json"
	case time.Duration:
		return "takes a duration with its unit, for example 30s, 500ms or 2m"
	case bool:
		return "takes true or false"
	case int, int64:
		return "takes a whole number"
	}
	return "can't be read"
}

// problem notes what is wrong. The first finding is the one to show: what
// Validate says about a value that was not read concerns the default.
func (s *setting) problem(text string) {
	if len(s.problems) == 0 {
		s.problems = append(s.problems, Problem{Name: s.name, Text: text})
	}
}

// invalid notes what Validate says.
func (s *setting) invalid(err error) {
	_, text, _ := strings.Cut(err.Error(), ": ")
	for _, part := range s.texts() {
		if !harmless(part) {
			text = strings.ReplaceAll(text, part, mask)
		}
	}
	s.problem(text)
}

// texts returns the free text in a setting's value.
func (s *setting) texts() []string {
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

// shown is the value for people: no secret, nothing that could be one.
func (s *setting) shown() string {
	if !s.isSet {
		return s.fallback
	}
	switch v := s.value.Interface().(type) {
	case dbmodule.URL:
		return v.String()
	case httpmodule.Secret:
		return v.String()
	case time.Duration:
		return shortDuration(v)
	case string, []string:
		parts := append([]string(nil), s.texts()...)
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

// shortDuration writes 1m instead of 1m0s.
func shortDuration(d time.Duration) string {
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
