//go:build faults

package dbmodule_test

import (
	"bufio"
	"encoding/gob"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// fileOp is something that SQLite asked of the operating system, or the moment
// at which a write was acknowledged.
type fileOp struct {
	Kind   opKind
	File   string
	Offset int64
	Data   []byte
	Ack    int64
}

type opKind byte

const (
	opWrite opKind = iota
	opTruncate
	opSync
	opDelete
	opAck
)

// recorder is SQLite's own VFS with writes, truncations, syncs and deletions
// noted in the order in which they happened. It becomes the default of the
// whole process: only helper processes install it.
var recorder struct {
	vfs  sqlite3.Tsqlite3_vfs
	base uintptr // SQLite's own sqlite3_vfs

	// full makes writes fail as on a disk without room.
	full atomic.Bool

	mu      sync.Mutex
	out     *gob.Encoder // nil records nothing
	flush   func() error
	names   map[uintptr]string  // by sqlite3_file
	methods map[uintptr]uintptr // ours, by SQLite's
	// own are SQLite's methods by sqlite3_file.
	own  map[uintptr]*sqlite3.Tsqlite3_io_methods
	keep []*sqlite3.Tsqlite3_io_methods
	err  error
}

// installRecorder makes every database that this process opens from now on
// use the recorder, which writes to out unless that is nil.
func installRecorder(out io.Writer) error {
	tls := libc.NewTLS()
	if code := sqlite3.Xsqlite3_initialize(tls); code != sqlite3.SQLITE_OK {
		return errors.New("initialise SQLite")
	}
	recorder.base = sqlite3.Xsqlite3_vfs_find(tls, 0)
	recorder.names = map[uintptr]string{}
	recorder.methods = map[uintptr]uintptr{}
	recorder.own = map[uintptr]*sqlite3.Tsqlite3_io_methods{}
	if out != nil {
		buffer := bufio.NewWriterSize(out, 1<<20)
		recorder.out, recorder.flush = gob.NewEncoder(buffer), buffer.Flush
	}
	name, err := libc.CString("recorder")
	if err != nil {
		return err
	}
	recorder.vfs = *at[sqlite3.Tsqlite3_vfs](recorder.base)
	recorder.vfs.FpNext, recorder.vfs.FzName = 0, name
	recorder.vfs.FxOpen = entry(recordOpen)
	recorder.vfs.FxDelete = entry(recordDelete)
	if code := sqlite3.Xsqlite3_vfs_register(tls, uintptr(unsafe.Pointer(&recorder.vfs)), 1); code != sqlite3.SQLITE_OK {
		return errors.New("register VFS")
	}
	return nil
}

// at and entry are how the translated C sees memory and functions.
func at[T any](p uintptr) *T { return (*T)(*(*unsafe.Pointer)(unsafe.Pointer(&p))) }

func entry(f any) uintptr {
	return (*[2]uintptr)(unsafe.Pointer(&f))[1]
}

func callable[F any](p uintptr) F {
	return *(*F)(unsafe.Pointer(&struct{ p uintptr }{p}))
}

func record(op fileOp) {
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	if recorder.out != nil {
		recorder.err = errors.Join(recorder.err, recorder.out.Encode(op))
	}
}

func nameOf(file uintptr) (string, *sqlite3.Tsqlite3_io_methods) {
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	return recorder.names[file], recorder.own[file]
}

func recordOpen(tls *libc.TLS, _, path, file uintptr, flags int32, outFlags uintptr) int32 {
	own := at[sqlite3.Tsqlite3_vfs](recorder.base)
	open := callable[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](own.FxOpen)
	code := open(tls, recorder.base, path, file, flags, outFlags)
	handle := at[sqlite3.Tsqlite3_file](file)
	if code != sqlite3.SQLITE_OK || handle.FpMethods == 0 || path == 0 {
		return code
	}
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	recorder.names[file] = filepath.Base(libc.GoString(path))
	recorder.own[file] = at[sqlite3.Tsqlite3_io_methods](handle.FpMethods)
	ours, ok := recorder.methods[handle.FpMethods]
	if !ok {
		table := *recorder.own[file]
		table.FxWrite, table.FxTruncate, table.FxSync = entry(recordWrite), entry(recordTruncate), entry(recordSync)
		recorder.keep = append(recorder.keep, &table)
		ours = uintptr(unsafe.Pointer(&table))
		recorder.methods[handle.FpMethods] = ours
	}
	handle.FpMethods = ours
	return code
}

func recordWrite(tls *libc.TLS, file, data uintptr, size int32, offset int64) int32 {
	name, own := nameOf(file)
	if recorder.full.Load() {
		return sqlite3.SQLITE_FULL
	}
	code := callable[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](own.FxWrite)(tls, file, data, size, offset)
	if code == sqlite3.SQLITE_OK {
		bytes := unsafe.Slice(at[byte](data), size)
		record(fileOp{Kind: opWrite, File: name, Offset: offset, Data: append([]byte(nil), bytes...)})
	}
	return code
}

func recordTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	name, own := nameOf(file)
	code := callable[func(*libc.TLS, uintptr, int64) int32](own.FxTruncate)(tls, file, size)
	if code == sqlite3.SQLITE_OK {
		record(fileOp{Kind: opTruncate, File: name, Offset: size})
	}
	return code
}

func recordSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	name, own := nameOf(file)
	code := callable[func(*libc.TLS, uintptr, int32) int32](own.FxSync)(tls, file, flags)
	if code == sqlite3.SQLITE_OK {
		record(fileOp{Kind: opSync, File: name})
	}
	return code
}

func recordDelete(tls *libc.TLS, _, path uintptr, syncFolder int32) int32 {
	own := at[sqlite3.Tsqlite3_vfs](recorder.base)
	code := callable[func(*libc.TLS, uintptr, uintptr, int32) int32](own.FxDelete)(tls, recorder.base, path, syncFolder)
	if code == sqlite3.SQLITE_OK {
		record(fileOp{Kind: opDelete, File: filepath.Base(libc.GoString(path))})
	}
	return code
}

// readOps reads what a recorder wrote.
func readOps(path string) (ops []fileOp, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	decoder := gob.NewDecoder(bufio.NewReaderSize(file, 1<<20))
	for {
		var op fileOp
		if err := decoder.Decode(&op); errors.Is(err, io.EOF) {
			return ops, nil
		} else if err != nil {
			return ops, err
		}
		ops = append(ops, op)
	}
}
