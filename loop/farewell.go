package loop

import (
	"net"
	"os"
	"time"
)

// A farewell is the wire of a session whose client has closed its half of the connection:
// what is said is collected, and close writes it on a duplicate of the descriptor.
type farewell struct {
	owner endpoint
	fd    int
	said  []byte
}

// farewellTime bounds how long a half-closed client may take to read a piece of its last
// replies: who reads slowly gets them all.
const (
	farewellTime  = 10 * time.Second
	farewellPiece = 64 << 10
)

// newFarewell takes over a descriptor.
func newFarewell(fd int, owner endpoint) *farewell { return &farewell{owner: owner, fd: fd} }

func (f *farewell) write(b []byte)     { f.said = append(f.said, b...) }
func (f *farewell) writev(a, b []byte) { f.said = append(append(f.said, a...), b...) }
func (f *farewell) backlog() int       { return 0 }
func (f *farewell) untaken() int       { return 0 }
func (f *farewell) pause()             {}
func (f *farewell) await()             {}
func (f *farewell) resume()            {}
func (f *farewell) waiting() int       { return 0 }
func (f *farewell) shut() bool         { return false }
func (f *farewell) linger() wire       { return nil }

func (f *farewell) addresses() (remote, local string) { return "", "" }

// close writes what was said, on a goroutine of its own because the client may be slow, and
// closes the connection.
func (f *farewell) close() {
	said, fd := f.said, f.fd
	f.said = nil
	go sayFarewell(fd, said)
	f.owner.closed(nil, false)
}

func (f *farewell) abort() { f.close() }

// sayFarewell owns fd.
func sayFarewell(fd int, said []byte) {
	file := os.NewFile(uintptr(fd), "farewell")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return
	}
	defer conn.Close()
	for len(said) > 0 {
		_ = conn.SetDeadline(time.Now().Add(farewellTime))
		n, err := conn.Write(said[:min(len(said), farewellPiece)])
		if err != nil {
			return // the client may have gone altogether: nobody is left to tell
		}
		said = said[n:]
	}
}
