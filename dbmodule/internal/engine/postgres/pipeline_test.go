package postgres_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

func TestAnswersToBeginAreTakenAway(t *testing.T) {
	t.Parallel()
	const statement = "B----"
	begun := []pgproto3.BackendMessage{
		&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, &pgproto3.CommandComplete{CommandTag: []byte("BEGIN")},
	}
	answer := []pgproto3.BackendMessage{
		&pgproto3.BindComplete{}, &pgproto3.DataRow{Values: [][]byte{bytes.Repeat([]byte("x"), 3000)}},
		&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'T'},
	}
	notice := &pgproto3.NoticeResponse{Severity: "NOTICE", Message: strings.Repeat("n", 2000)}
	refused := []pgproto3.BackendMessage{
		&pgproto3.ErrorResponse{Severity: "ERROR", Code: "25001"}, &pgproto3.ReadyForQuery{TxStatus: 'I'},
	}
	together := func(messages ...[]pgproto3.BackendMessage) (all []pgproto3.BackendMessage) {
		for _, some := range messages {
			all = append(all, some...)
		}
		return all
	}
	one := func(m pgproto3.BackendMessage) []pgproto3.BackendMessage { return []pgproto3.BackendMessage{m} }
	for _, test := range []struct {
		name          string
		answers, want []pgproto3.BackendMessage
	}{
		{"all of them", together(begun, answer), answer},
		{"but not what the server says at any time", together(
			one(notice), begun[:1], one(&pgproto3.ParameterStatus{Name: "a", Value: "b"}), begun[1:2],
			one(&pgproto3.NotificationResponse{Channel: "c"}), begun[2:], one(notice), answer,
		), together(
			one(notice), one(&pgproto3.ParameterStatus{Name: "a", Value: "b"}),
			one(&pgproto3.NotificationResponse{Channel: "c"}), one(notice), answer,
		)},
		{"none of an error", refused, refused},
		{"nor what follows it", together(begun[:2], refused), refused},
		{"the statement's own are alike", together(begun, begun), begun},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for name, chunks := range map[string]func(io.Reader) io.Reader{
				"at once":      func(r io.Reader) io.Reader { return r },
				"byte by byte": iotest.OneByteReader, "half by half": iotest.HalfReader, "with the end": iotest.DataErrReader,
			} {
				sent, rest, err := postgres.Pipelined(chunks(bytes.NewReader(encoded(t, test.answers))), statement)
				require.NoError(t, err, name)
				assert.Equal(t, encoded(t, test.want), rest, name)
				assert.True(t, strings.HasSuffix(sent, statement) && strings.Contains(sent, "begin"), name)
			}
		})
	}

	for _, bad := range []string{"Q----", "F----"} { // a simple query would not be skipped
		sent, _, err := postgres.Pipelined(strings.NewReader(""), bad)
		require.ErrorContains(t, err, "not a prepared one")
		assert.Empty(t, sent)
	}
	_, rest, err := postgres.Pipelined(strings.NewReader("1\x00\x00"), statement)
	require.NoError(t, err)
	assert.Empty(t, rest, "half an answer is none")
}

func encoded(t *testing.T, messages []pgproto3.BackendMessage) (all []byte) {
	t.Helper()
	for _, message := range messages {
		var err error
		all, err = message.Encode(all)
		require.NoError(t, err)
	}
	return all
}
