package dburl

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// optionTable maps an option's name to the function that parses its value. The
// function's error says which values the option accepts, and does not quote the
// value.
type optionTable map[string]func(value string) error

// read passes each option to its function. An empty value counts as not given, as
// in SQLAlchemy. Only the options in repeatable may appear twice.
func (known optionTable) read(engine Engine, query []urlOption, repeatable ...string) error {
	seen := map[string]bool{}
	for _, o := range query {
		set, ok := known[o.name]
		if !ok {
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			return fmt.Errorf("option %q is not known for %s: remove it, or use one of %s", o.name, engine, strings.Join(names, ", "))
		}
		if seen[o.name] && !slices.Contains(repeatable, o.name) {
			return fmt.Errorf("option %q is given more than once: keep one", o.name)
		}
		seen[o.name] = true
		if o.value == "" {
			continue
		}
		if strings.ContainsFunc(o.value, isControl) && !mayHoldSecret(o.name) {
			return fmt.Errorf("option %q has a control character in its value: remove it", o.name)
		}
		if err := set(o.value); err != nil {
			return fmt.Errorf("option %q %w", o.name, err)
		}
	}
	return nil
}

// ignored accepts an option that has no effect here.
func ignored(string) error { return nil }

// text stores any value.
func text(target *string) func(string) error {
	return func(value string) error {
		*target = value
		return nil
	}
}

// hidden stores a value that must not be printed.
func hidden(target *Secret) func(string) error {
	return func(value string) error {
		*target = NewSecret(value)
		return nil
	}
}

// choice stores one of the accepted words, read without regard to case.
func choice(target *string, accepted ...string) func(string) error {
	return func(value string) error {
		for _, a := range accepted {
			if strings.EqualFold(a, value) {
				*target = a
				return nil
			}
		}
		return fmt.Errorf("takes one of %s", strings.Join(accepted, ", "))
	}
}

// only accepts an option whose only valid values ask for what this package does
// anyway.
func only(why string, accepted ...string) func(string) error {
	return func(value string) error {
		for _, a := range accepted {
			if strings.EqualFold(a, value) {
				return nil
			}
		}
		return fmt.Errorf("takes only %s: %s", strings.Join(accepted, " or "), why)
	}
}

// flag stores a boolean.
func flag(target **bool) func(string) error {
	return func(value string) error {
		b, err := parseBool(value)
		*target = &b
		return err
	}
}

func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "1", "yes", "on", "t", "y":
		return true, nil
	case "false", "0", "no", "off", "f", "n":
		return false, nil
	}
	return false, errors.New("takes true or false")
}

const maxSeconds = 365 * 24 * 60 * 60

// seconds stores a duration given as a number of seconds, fractions allowed.
func seconds(target *time.Duration) func(string) error {
	return func(value string) error {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > maxSeconds {
			return errors.New("takes a number of seconds from 0 to 31536000, for example 10")
		}
		*target = time.Duration(math.Round(f * float64(time.Second)))
		return nil
	}
}

// duration stores a Go duration, or a number of seconds.
func duration(target *time.Duration) func(string) error {
	return func(value string) error {
		if d, err := time.ParseDuration(value); err == nil && d >= 0 && d <= maxSeconds*time.Second {
			*target = d
			return nil
		}
		if seconds(target)(value) != nil {
			return errors.New("takes a duration such as 10s, or a number of seconds")
		}
		return nil
	}
}

// count stores a whole number from 0 to limit.
func count(target *int, limit int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > limit {
			return fmt.Errorf("takes a whole number from 0 to %d", limit)
		}
		*target = n
		return nil
	}
}
