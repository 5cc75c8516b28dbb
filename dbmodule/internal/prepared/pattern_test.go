package prepared_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/prepared"
	"github.com/openhands-go/server/dbmodule/internal/sqltext"
)

// patterns are queries with a mark for each value. In the last ones the values do not stand by
// themselves.
var patterns = []string{
	"SELECT a FROM t WHERE id = §", "SELECT a FROM t WHERE id > § ORDER BY id LIMIT 50", "SELECT a FROM t WHERE b = 'x' AND c = § AND d IN (§, 5, §) LIMIT § OFFSET 7",
	"SELECT a FROM t WHERE b LIKE § AND c BETWEEN § AND 2 FOR UPDATE", "SELECT a FROM t WHERE (a, b) IN ((§, 'x'), (2, §))",
	"INSERT INTO t (a, b, c) VALUES (§, §, §) RETURNING a", "INSERT INTO t (a, b) VALUES (§, 1), (DEFAULT, §) ON CONFLICT (a) DO UPDATE SET b = §, c = c + § WHERE t.e < §",
	"INSERT INTO t (a, b) VALUES (§, §) ON DUPLICATE KEY UPDATE a = VALUES(a), b = §", "UPDATE t SET a = §, b = b - §, c = NULL WHERE id = §", "DELETE FROM t WHERE a = § AND b IS NULL;",
	"UPDATE t SET a = b +§", "SELECT a FROM t WHERE lower(§) = 'x'", "SELECT a FROM t WHERE b = §::text", "SELECT a FROM t WHERE b = (SELECT c FROM u WHERE d = §)", "SELECT §, a FROM t",
	"SELECT a FROM t WHERE b = 'x'§", "SELECT a FROM t WHERE b = §'x'", "SELECT a FROM t WHERE b = 1§", "SELECT a FROM t WHERE b = §5", "SELECT a FROM t WHERE b = §.5", "SELECT a FROM t WHERE b = 5.§",
	"SELECT a FROM t WHERE b = -§", "SELECT a FROM t WHERE b =§", "SELECT a FROM t WHERE b <§§", "SELECT a FROM t WHERE b§ = 5", "SELECT a FROM t WHERE b = e§", "SELECT a FROM t WHERE b = X§",
	"SELECT a FROM t WHERE b = '§'", "SELECT a FROM t WHERE \"§\" = 5", "SELECT a FROM t WHERE b = 1 -- §", "SELECT a FROM t /* § */ WHERE b = §", "SELECT a§FROM t", "§", "SELECT a FROM t WHERE b = § §",
}

var patternValues = []string{
	"5", "0", "-5", "007", "2147483647", "2147483648", "-2147483648", "-2147483649", "9223372036854775808", "1.5", "-0.25", "1.50000000000000000001", "1e5", ".5", "5.", "0x1f",
	"'x'", "''", "'it''s'", "'-- x'", "'/* x'", "' ; SELECT'", "'\\'", "'\\''", "'x\x00'", "'\xff'", "'§'", "'" + strings.Repeat("long ", 40) + "'", "'open", "\"x\"",
	"NULL", "null", "TRUE", "false", "DEFAULT", "X'00ff'", "x'0'", "E'x'", "'x'::jsonb", "now()", "CURRENT_TIMESTAMP", "", " 5", "5 ", "- 5", "--5", "+5", "a", "a.b", "'x' 'y'", "5, 6", "5)", "'{\"a\": 1}'",
	"'2024-01-02 03:04:05.000006+00:00'", "'a'b", "$1", "?",
}

// A pattern reads as Recognise does, whatever its values are, and however often.
func TestPatternsReadAsRecogniseDoes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, d := range all {
		recognised := 0
		for _, query := range patterns {
			pattern := prepared.NewPattern(d)
			parts := strings.Split(query, "§")
			for i := range 200 {
				var text strings.Builder
				values := make([]prepared.Span, 0, len(parts))
				for j, part := range parts {
					if text.WriteString(part); j == len(parts)-1 {
						break
					}
					value := patternValues[random.IntN(len(patternValues))]
					if i%2 == 0 { // else hardly one of several would be a value
						value = []string{"5", "-7", "1.5", "'x'", "'it''s'", "NULL", "TRUE"}[random.IntN(7)]
					}
					from := text.Len()
					text.WriteString(value)
					values = append(values, prepared.Span{From: from, To: text.Len()})
				}
				want := prepared.Recognised(prepared.Recognise(d, text.String()))
				got := prepared.Recognised(pattern.Recognise(text.String(), values))
				if !assert.Equal(t, want, got, "%d: %s: %q", d, query, text.String()) {
					return
				}
				if got[0] != nil {
					recognised++
				}
			}
			assert.LessOrEqual(t, pattern.Readings(), 64)
		}
		assert.Greater(t, recognised, 1000, "else the test compares little")
	}
}

// What is too long, or has too many values, runs as text.
func TestPatternsHaveABound(t *testing.T) {
	t.Parallel()
	pattern := prepared.NewPattern(lite)
	for range 2 {
		short, long := "SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = '"+strings.Repeat("x", 8<<10)+"'"
		assert.NotNil(t, prepared.Recognised(pattern.Recognise(short, []prepared.Span{{26, 29}}))[0])
		assert.Nil(t, pattern.Recognise(long, []prepared.Span{{26, len(long)}}))
	}
}

// Whatever a text is like, it may be the first that is read after the collector took what others left.
func TestPatternsReadAfterACollection(t *testing.T) {
	t.Parallel()
	for _, values := range []int{0, 1, 255, 256, 257, 500} {
		text, places := "SELECT a FROM t WHERE b IN (0", []prepared.Span(nil)
		for range values {
			text += ", 5"
			places = append(places, prepared.Span{From: len(text) - 1, To: len(text)})
		}
		text += ")"
		for range 2 {
			runtime.GC() // the second one takes what the first left
			runtime.GC()
			got := prepared.Recognised(prepared.NewPattern(lite).Recognise(text, places))
			assert.Equal(t, prepared.Recognised(prepared.Recognise(lite, text)), got, "%d values", values)
		}
	}
}

func BenchmarkPattern(b *testing.B) {
	const text = `SELECT "e"."id", "e"."conversation_id", "e"."kind", "e"."source", "e"."body", "e"."cost", "e"."final", "e"."created_at" FROM "events" AS "e" WHERE (id = 4711)`
	from := strings.Index(text, "4711")
	values := []prepared.Span{{From: from, To: from + 4}}
	b.Run("text", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			prepared.Recognise(sqltext.SQLite, text).Release()
		}
	})
	b.Run("strings", func(b *testing.B) {
		pattern := prepared.NewPattern(sqltext.SQLite)
		text, values := "INSERT INTO e (a, b, c) VALUES (", []prepared.Span(nil)
		for i, value := range []string{"'kind'", "'agent'", "'" + strings.Repeat("a word ", 150) + "'"} {
			if i > 0 {
				text += ", "
			}
			values = append(values, prepared.Span{From: len(text), To: len(text) + len(value)})
			text += value
		}
		text += ")"
		b.ReportAllocs()
		for b.Loop() {
			pattern.Recognise(text, values).Release()
		}
	})
	b.Run("pattern", func(b *testing.B) {
		pattern := prepared.NewPattern(sqltext.SQLite)
		b.ReportAllocs()
		for b.Loop() {
			pattern.Recognise(text, values).Release()
		}
	})
}
