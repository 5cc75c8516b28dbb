package dbmodule_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// fakeMySQL answers one connection as a server of MySQL's protocol does that
// has no tables and believes whatever it is told.
func fakeMySQL(t *testing.T, conn net.Conn, script *script) {
	s := &fakeMySQLConn{conn: conn}
	if s.greet() != nil {
		return
	}
	var prepared string
	for {
		command, err := s.receive()
		if err != nil || len(command) == 0 {
			return
		}
		switch text := string(command[1:]); command[0] {
		case 1: // quit
			return
		case 14: // ping
			err = s.ok()
		case 3: // query
			err = s.query(text, script)
		case 22: // prepare
			prepared = text
			if f := script.next("PREPARE"); f != nil {
				err = s.answer(f)
			} else {
				err = s.prepared(strings.Count(text, "?"))
			}
		case 23: // execute
			err = s.query(prepared, script)
		case 25: // close a statement: no answer
		default:
			t.Errorf("the fake server does not know command %d", command[0])
			return
		}
		if err != nil {
			return
		}
	}
}

type fakeMySQLConn struct {
	conn     net.Conn
	sequence byte
}

const fakeTiDB = "8.0.11-TiDB-v7.5.0"

// greet makes the handshake, and lets in whoever comes.
func (s *fakeMySQLConn) greet() error {
	const (
		longPassword, foundRows, longFlag, withDB = 1, 2, 4, 8
		protocol41, transactions, secure          = 1 << 9, 1 << 13, 1 << 15
		pluginAuth, attributes                    = 1 << 19, 1 << 20
		capabilities                              = longPassword | foundRows | longFlag | withDB | protocol41 | transactions | secure | pluginAuth | attributes
		utf8mb4, autocommit                       = 45, 2
	)
	var b bytes.Buffer
	b.WriteByte(10)
	b.WriteString(fakeTiDB + "\x00")
	b.Write([]byte{1, 0, 0, 0})
	b.WriteString("12345678\x00")
	b.Write(binary.LittleEndian.AppendUint16(nil, capabilities&0xffff))
	b.WriteByte(utf8mb4)
	b.Write(binary.LittleEndian.AppendUint16(nil, autocommit))
	b.Write(binary.LittleEndian.AppendUint16(nil, capabilities>>16))
	b.WriteByte(21)
	b.Write(make([]byte, 10))
	b.WriteString("123456789012\x00mysql_native_password\x00")
	if err := s.send(b.Bytes()); err != nil {
		return err
	}
	if _, err := s.receive(); err != nil {
		return err
	}
	return s.ok()
}

func (s *fakeMySQLConn) receive() ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(s.conn, header); err != nil {
		return nil, err
	}
	s.sequence = header[3] + 1
	body := make([]byte, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	_, err := io.ReadFull(s.conn, body)
	return body, err
}

func (s *fakeMySQLConn) send(body []byte) error {
	n := len(body)
	packet := append([]byte{byte(n), byte(n >> 8), byte(n >> 16), s.sequence}, body...)
	s.sequence++
	_, err := s.conn.Write(packet)
	return err
}

func (s *fakeMySQLConn) ok() error  { return s.send([]byte{0, 1, 0, 2, 0, 0, 0}) }
func (s *fakeMySQLConn) eof() error { return s.send([]byte{0xfe, 0, 0, 2, 0}) }

func (s *fakeMySQLConn) fail(code uint16, message string) error {
	b := append([]byte{0xff}, binary.LittleEndian.AppendUint16(nil, code)...)
	return s.send(append(b, "#HY000"+message...))
}

// query answers a SELECT of what the driver and this package ask for at
// connect, and follows the script for all else.
func (s *fakeMySQLConn) query(query string, script *script) error {
	switch {
	case strings.Contains(query, "@@max_allowed_packet"):
		return s.value("67108864")
	case strings.EqualFold(query, "SELECT version()"):
		return s.value(fakeTiDB)
	case verbOf(query) == "SELECT":
		return s.fail(1193, "Unknown system variable")
	}
	if f := script.next(query); f != nil {
		return s.answer(f)
	}
	return s.ok()
}

// answer is what the script has instead of a result.
func (s *fakeMySQLConn) answer(f *failure) error {
	code, err := strconv.ParseUint(f.code, 10, 16)
	if err != nil { // the connection breaks
		return errors.New(f.message)
	}
	return s.fail(uint16(code), f.message)
}

func (s *fakeMySQLConn) column() error {
	text := func(b []byte, text string) []byte { return append(append(b, byte(len(text))), text...) }
	var b []byte
	for _, name := range []string{"def", "", "", "", "value", "value"} {
		b = text(b, name)
	}
	return s.send(append(b, 12, 45, 0, 255, 0, 0, 0, 253, 0, 0, 0, 0, 0))
}

func (s *fakeMySQLConn) value(text string) error {
	return errors.Join(s.send([]byte{1}), s.column(), s.eof(), s.send(append([]byte{byte(len(text))}, text...)), s.eof())
}

func (s *fakeMySQLConn) prepared(parameters int) error {
	err := s.send([]byte{0, 1, 0, 0, 0, 0, 0, byte(parameters), byte(parameters >> 8), 0, 0, 0})
	if parameters == 0 {
		return err
	}
	for range parameters {
		err = errors.Join(err, s.column())
	}
	return errors.Join(err, s.eof())
}
