//go:build unix

package edge

import (
	"errors"
	"syscall"
)

// isQuiet reports whether the service has neither closed the connection nor sent
// anything that no request has asked for.
func (l *link) isQuiet() bool {
	conn, ok := l.Conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return errors.Is(err, errors.ErrUnsupported)
	}
	quiet := false
	err = raw.Read(func(fd uintptr) bool {
		_, err := syscall.Read(int(fd), make([]byte, 1)) // does not block
		quiet = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && quiet
}
