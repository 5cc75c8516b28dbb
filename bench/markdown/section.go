package markdown

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Replace puts text between the markers of a section in a file:
//
//	<!-- name: begin -->
//	<!-- name: end -->
func Replace(path, name, text string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("markdown: %w", err)
	}
	replaced, err := replaced(string(content), name, text)
	if err != nil {
		return fmt.Errorf("markdown: %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(replaced), 0o600); err != nil {
		return fmt.Errorf("markdown: %w", err)
	}
	return nil
}

func replaced(content, name, text string) (string, error) {
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	head, rest, found := strings.Cut(content, begin)
	if !found {
		return "", errors.New("it has no line " + strings.TrimSpace(begin))
	}
	_, tail, found := strings.Cut(rest, end)
	if !found {
		return "", errors.New("it has no line " + strings.TrimSpace(end) + " after that")
	}
	return head + begin + "\n" + strings.TrimSpace(text) + "\n\n" + end + tail, nil
}
