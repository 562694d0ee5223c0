package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"zonebox/sandbox/internal/wire"
)

// A Database is a server that holds the table of a delivery. Only the gate has a
// network: it connects, and the worker is given the connected socket and what it
// logs in with.
type Database struct {
	Kind string // postgres or mysql, by protocol
	// Conn is the connection, of TCP or a unix socket, on which nothing has been
	// said. The worker's copy lives as long as the session; the caller closes its
	// own.
	Conn           net.Conn
	Name           string // of the database
	Schema         string // of the table, in PostgreSQL; empty is public
	User, Password string
	// CA are the PEM certificates of whom to trust. With them the worker speaks
	// TLS 1.2 or later to a server whose certificate bears the name Server, and to
	// no other; without them, in the clear.
	CA     []byte
	Server string
}

// connect hands the connection to the worker with m.
func (s *Session) connect(m wire.DeliverMessage, d *Database) error {
	if d.Kind != "postgres" && d.Kind != "mysql" {
		return &DeliveryError{Code: "format"}
	}
	if len(d.CA) > 0 && d.Server == "" {
		return errors.New("sandbox: database: TLS without the server's name")
	}
	c, ok := d.Conn.(syscall.Conn)
	if !ok {
		return errors.New("sandbox: database: not a connection of the kernel's")
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("sandbox: database: %w", err)
	}
	m.Format = d.Kind
	_, local := d.Conn.(*net.UnixConn)
	m.Database = &wire.Database{Local: local, Kind: d.Kind, Schema: d.Schema, Name: d.Name, User: d.User, Password: d.Password, CA: d.CA, Server: d.Server}
	var file *os.File
	var failed error
	err = raw.Control(func(fd uintptr) { file, failed = blockingCopy(fd) })
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("sandbox: database: %w", err)
	}
	defer func() { _ = file.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil {
		return fmt.Errorf("sandbox: database: %w", err)
	}
	s.attestation.Files = append(slices.Clone(s.attestation.Files), fmt.Sprintf("database socket:[%d]", st.Ino))
	return s.send(wire.AppendJSON(nil, wire.Deliver, m), []*os.File{file})
}

// blockingCopy returns a second descriptor of a socket, which blocks: the worker
// reads and writes without a poller. The first blocks from then on too, so that
// the caller can only close it.
func blockingCopy(fd uintptr) (*os.File, error) {
	copied, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := syscall.SetNonblock(copied, false); err != nil {
		return nil, errors.Join(err, syscall.Close(copied))
	}
	return os.NewFile(uintptr(copied), "database"), nil
}
