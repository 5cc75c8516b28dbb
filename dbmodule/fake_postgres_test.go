package dbmodule_test

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// fakePostgreSQL answers one connection as a server of PostgreSQL's protocol
// does that has no tables and believes whatever it is told.
func fakePostgreSQL(t *testing.T, conn net.Conn, script *script) {
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	backend.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})

	status := byte('I')
	ready := func() { backend.Send(&pgproto3.ReadyForQuery{TxStatus: status}) }
	ready()
	var prepared string
	skipping := false // to Sync, after an error
	for {
		if backend.Flush() != nil {
			return
		}
		message, err := backend.Receive()
		if err != nil {
			return
		}
		run := func(query string) (ok bool) {
			f := script.next(query)
			if f == nil {
				switch verbOf(query) {
				case "BEGIN":
					status = 'T'
				case "COMMIT", "ROLLBACK":
					status = 'I'
				}
				backend.Send(&pgproto3.CommandComplete{CommandTag: []byte(verbOf(query))})
				return true
			}
			if len(f.code) != 5 {
				_ = conn.Close()
				return false
			}
			if status == 'T' {
				status = 'E'
			}
			if verbOf(query) == "COMMIT" {
				status = 'I'
			}
			backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: f.code, Message: f.message})
			return false
		}
		switch m := message.(type) {
		case *pgproto3.Query:
			if verbOf(m.String) == "--" {
				backend.Send(&pgproto3.EmptyQueryResponse{})
			} else {
				run(m.String)
			}
			ready()
		case *pgproto3.Parse:
			prepared = m.Query
			backend.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			if m.ObjectType == 'S' {
				backend.Send(&pgproto3.ParameterDescription{})
			}
			backend.Send(&pgproto3.NoData{})
		case *pgproto3.Bind:
			backend.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			if !skipping {
				skipping = !run(prepared)
			}
		case *pgproto3.Close:
			backend.Send(&pgproto3.CloseComplete{})
		case *pgproto3.Sync:
			skipping = false
			ready()
		case *pgproto3.Terminate:
			return
		default:
			t.Errorf("the fake server does not know %T", m)
			return
		}
	}
}
