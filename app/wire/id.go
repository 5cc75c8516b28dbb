package wire

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// ParseID reads a UUID, with or without dashes, in upper or lower case. It returns the form that is
// stored: dashed, in lower case.
func ParseID(s string) (string, error) {
	if len(s) != 32 && len(s) != 36 {
		return "", NewInvalid("uuid_parsing", "Input should be a valid UUID")
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return "", NewInvalid("uuid_parsing", "Input should be a valid UUID")
	}
	return id.String(), nil
}

// NewID makes a random identifier in the stored form.
func NewID() (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("wire: make an id: %w", err)
	}
	return id.String(), nil
}

// HexID returns a stored identifier without its dashes.
func HexID(id string) string { return strings.ReplaceAll(id, "-", "") }
