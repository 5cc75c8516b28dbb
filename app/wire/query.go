package wire

import "time"

// QueryTime reads an optional time in a query's parameter of that name.
func QueryTime(value, name string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	t, err := ParseTime(value)
	if err != nil {
		return nil, Under(err, "query", name)
	}
	return &t, nil
}

// QueryText checks the text of a query's parameter of that name.
func QueryText(value, name string) error { return Under(CheckText(value, 0), "query", name) }
