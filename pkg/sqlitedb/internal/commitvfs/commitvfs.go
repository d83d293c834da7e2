// Package commitvfs makes SQLite write its commits in large pieces.
//
// SQLite writes each page of a commit to the write-ahead log with two system
// calls, one of them for a header of 24 bytes. A commit of 30 small transactions
// has some 300 pages, and these calls were a quarter of all the CPU time of a
// server under such writes.
package commitvfs

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// VFS is a virtual file system of SQLite for one connection, as described at
// https://sqlite.org/vfs.html. It is the default one, except that it gathers what
// SQLite writes to the write-ahead log during Commit.
//
// The connection must have synchronous=FULL, and psow=1 as it has by default: SQLite
// then syncs the log at the end of each commit, before it lets other connections see
// the commit, and what was gathered is written before that. A VFS is not safe for
// concurrent use, just as its connection is not.
type VFS struct{ *vfs }

// vfs is in memory of SQLite, and so without pointers of Go.
type vfs struct {
	methods sqlite3.Tsqlite3_vfs // first: SQLite's pointer to the VFS is one to all of it
	name    [32]byte             // ends with a zero
	base    uintptr              // SQLite's pointer to the default VFS
	log     log
}

// log is the open write-ahead log.
type log struct {
	methods   sqlite3.Tsqlite3_io_methods // first: the file's pointer to its methods is one to all of it
	base      sqlite3.Tsqlite3_io_methods // those of the default VFS
	file      uintptr                     // SQLite's pointer to the file; 0: it is closed
	written   int64                       // bytes, by calls of write
	gathering bool
	offset    int64 // where the first n bytes of gathered belong
	n         int
	gathered  [15 * (24 + 4096)]byte
}

var (
	// registering protects SQLite's list of file systems, and created.
	registering sync.Mutex
	created     int
)

var errMemory = errors.New("register a file system with SQLite: out of memory")

// New registers a VFS with SQLite.
func New() (*VFS, error) {
	registering.Lock()
	defer registering.Unlock()
	tls := libc.NewTLS()
	defer tls.Close()
	created++
	base := sqlite3.Xsqlite3_vfs_find(tls, 0)
	if base == 0 {
		return nil, errMemory
	}
	p := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(vfs{})))
	if p == 0 {
		return nil, errMemory
	}
	v := at[vfs](p)
	v.base, v.methods = base, *at[sqlite3.Tsqlite3_vfs](base)
	copy(v.name[:len(v.name)-1], "commit"+strconv.Itoa(created))
	v.methods.FpNext, v.methods.FzName, v.methods.FxOpen = 0, p+unsafe.Offsetof(v.name), address(open)
	if code := sqlite3.Xsqlite3_vfs_register(tls, p, 0); code != sqlite3.SQLITE_OK {
		libc.Xfree(tls, p)
		return nil, fmt.Errorf("register a file system with SQLite: error %d", code)
	}
	return &VFS{v}, nil
}

// Name returns the value of the URI parameter vfs with which to open the
// connection.
func (v *VFS) Name() string { return libc.GoString(v.methods.FzName) }

// Close removes the VFS from SQLite. The connection must be closed before: Close
// fails while its log is open. Idempotent.
func (v *VFS) Close() error {
	if v.vfs == nil {
		return nil
	}
	if v.log.file != 0 {
		return errors.New("remove a file system from SQLite: a connection uses it")
	}
	registering.Lock()
	defer registering.Unlock()
	tls := libc.NewTLS()
	defer tls.Close()
	sqlite3.Xsqlite3_vfs_unregister(tls, pointer(v.vfs))
	libc.Xfree(tls, pointer(v.vfs))
	v.vfs = nil
	return nil
}

// Written returns the number of bytes that SQLite has written to the write-ahead
// log so far, those of commits that failed included.
func (v *VFS) Written() int64 { return v.log.written }

// Commit calls commit, during which SQLite commits a transaction, and returns its
// error. After an error the transaction must be rolled back: what was gathered of it
// is gone.
func (v *VFS) Commit(commit func() error) error {
	v.log.gathering = true
	defer func() { v.log.gathering, v.log.n = false, 0 }()
	err := commit()
	if err == nil && v.log.n > 0 {
		panic("SQLite has committed without a sync of the log")
	}
	return err
}

// open opens a file, and puts the methods below in place of those of the log.
func open(tls *libc.TLS, system, name, file uintptr, flags int32, outFlags uintptr) int32 {
	v := at[vfs](system)
	code := function[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](at[sqlite3.Tsqlite3_vfs](v.base).FxOpen)(tls, v.base, name, file, flags, outFlags)
	if code != sqlite3.SQLITE_OK || flags&sqlite3.SQLITE_OPEN_WAL == 0 || v.log.file != 0 {
		return code
	}
	l, opened := &v.log, at[sqlite3.Tsqlite3_file](file)
	l.file, l.base = file, *at[sqlite3.Tsqlite3_io_methods](opened.FpMethods)
	l.methods = l.base
	l.methods.FxClose, l.methods.FxRead, l.methods.FxWrite, l.methods.FxSync = address(closeLog), address(read), address(write), address(syncLog)
	opened.FpMethods = pointer(l)
	return code
}

func logOf(file uintptr) *log { return at[log](at[sqlite3.Tsqlite3_file](file).FpMethods) }

func closeLog(tls *libc.TLS, file uintptr) int32 {
	l := logOf(file)
	l.file = 0
	return function[func(*libc.TLS, uintptr) int32](l.base.FxClose)(tls, file)
}

func read(tls *libc.TLS, file, to uintptr, n int32, offset int64) int32 {
	l := logOf(file)
	if code := l.flush(tls); code != sqlite3.SQLITE_OK {
		return code
	}
	return function[transfer](l.base.FxRead)(tls, file, to, n, offset)
}

func write(tls *libc.TLS, file, from uintptr, n int32, offset int64) int32 {
	l := logOf(file)
	l.written += int64(n)
	if offset != l.offset+int64(l.n) || int(n) > len(l.gathered)-l.n {
		if code := l.flush(tls); code != sqlite3.SQLITE_OK {
			return code
		}
		l.offset = offset
	}
	if !l.gathering || int(n) > len(l.gathered) {
		return function[transfer](l.base.FxWrite)(tls, file, from, n, offset)
	}
	l.n += copy(l.gathered[l.n:], unsafe.Slice(at[byte](from), n))
	return sqlite3.SQLITE_OK
}

func syncLog(tls *libc.TLS, file uintptr, flags int32) int32 {
	l := logOf(file)
	if code := l.flush(tls); code != sqlite3.SQLITE_OK {
		return code
	}
	return function[func(*libc.TLS, uintptr, int32) int32](l.base.FxSync)(tls, file, flags)
}

// flush writes what was gathered. After an error it is gone, and SQLite gives up the
// commit.
func (l *log) flush(tls *libc.TLS) int32 {
	n := l.n
	if n == 0 {
		return sqlite3.SQLITE_OK
	}
	l.n = 0
	return function[transfer](l.base.FxWrite)(tls, l.file, pointer(&l.gathered), int32(n), l.offset)
}

// transfer is the type of the methods that read and write.
type transfer = func(tls *libc.TLS, file, memory uintptr, n int32, offset int64) int32

// at returns SQLite's pointer p as one of Go, and pointer the reverse.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

func pointer[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// function returns the function of SQLite's pointer p, and address the reverse. f
// must not be a closure.
func function[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

func address[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }
