package ha

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// A stateStore keeps a pool's intents, a file for each group, and the lock that keeps other
// processes away from them. A crash leaves the old file or the new one, never a part of one.
//
// A disk may take as long as it likes to answer, or never do. Whoever waits for it, but for
// open, waits for so long and no longer; what was begun there ends on a goroutine of its own,
// however late, and keeps nobody but its own group from writing.
type stateStore struct {
	// Fixed when made.
	dir  string // "": nothing is kept
	from string // where intents are read from in that case; "": from nowhere
	pool string

	opening sync.Mutex     // held while the directory and the lock are opened; never by a watch
	writing sync.WaitGroup // writes under way, given up or not
	reading atomic.Bool    // a read is under way, given up or not

	// mu guards the following, and is held over no I/O.
	mu         sync.Mutex
	lock       *os.File              // nil until the directory was needed
	id         string                // of this monitor, the same after a restart; "" without lock
	stateFiles map[string]*stateFile // by group
}

// stored is a state file. The sum is that of the bytes of Intent.
type stored struct {
	Sum    string          `json:"sha256"`
	Intent json.RawMessage `json:"intent"`
}

// open makes the directory and takes the lock. The error says who else may have it.
// It does nothing the second time.
func (v *stateStore) open() error {
	v.opening.Lock()
	defer v.opening.Unlock()
	if v.isOpen() {
		return nil
	}
	if v.dir == "" {
		return errors.New("there is no state directory: set runtime.state_dir, or STATE_DIRECTORY, or HOME")
	}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return fmt.Errorf("making the state directory: %w", err)
	}
	if err := safe(v.dir); err != nil {
		return err
	}
	path := filepath.Join(v.dir, url.PathEscape(v.pool)+".lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("opening the state directory's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("another process keeps the state of pool %s in %s (%s: %w): "+
			"give each a runtime.state_dir of its own", v.pool, v.dir, path, err)
	}
	id, err := identity(f)
	if err != nil {
		f.Close()
		return fmt.Errorf("naming this monitor in %s: %w", path, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lock, v.id = f, id
	return nil
}

// safe refuses a directory in which everybody may put files: they would decide who is master.
func safe(dir string) error {
	there, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("looking at the state directory: %w", err)
	}
	if mode := there.Mode(); mode.Perm()&0o002 != 0 {
		return &os.PathError{Op: "using", Path: dir, Err: fmt.Errorf("everybody may write there (mode %04o): chmod o-w, or name a directory of its own", mode.Perm())}
	}
	return nil
}

// Bounds on what is read from the state directory. An intent has some hundred bytes for each server.
const (
	mostIdentity = 1 << 10
	mostIntent   = 1 << 20
)

// readBounded reads a regular file of at most so many bytes, through no link.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	there, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !there.Mode().IsRegular():
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.New("it is no plain file")}
	case there.Size() > most:
		return nil, &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has %d bytes, and no state has more than %d", there.Size(), most)}
	}
	return io.ReadAll(io.LimitReader(f, most))
}

func (v *stateStore) isOpen() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lock != nil
}

// name returns what this monitor is called; "" before open.
func (v *stateStore) name() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.id
}

// identity returns the name that the lock file holds, after giving it one if need be. It
// stays the same after a restart, so that a monitor does not take its own heartbeat for a
// rival's, and differs from that of a copy of the directory on another host.
func identity(f *os.File) (string, error) {
	text, err := io.ReadAll(io.LimitReader(f, mostIdentity))
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	if err != nil {
		return "", err
	}
	if len(text) != 16 {
		text = []byte(rand.Text()[:16])
		if _, err := f.WriteAt(text, 0); err != nil {
			return "", err
		}
		if err := errors.Join(f.Truncate(16), f.Sync()); err != nil {
			return "", err
		}
	}
	return host + "/" + string(text), nil
}

// close gives the lock back, once everything that was begun is written. It waits for that, but
// not for a disk that hangs: then the lock is given back later. Nothing is prepared afterwards.
func (v *stateStore) close() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		v.writing.Wait()
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.lock != nil {
			v.lock.Close() // nothing is written through it
			v.lock = nil
		}
	}()
	select {
	case <-closed:
	case <-time.After(diskPatience):
	}
}

// path returns the file of a group.
func (v *stateStore) path(group string) string {
	return filepath.Join(cmp.Or(v.dir, v.from), url.PathEscape(v.pool)+"@"+url.PathEscape(group)+".json")
}

// load returns what is kept of a group, nothing when there is no file. A file that is damaged, or
// that the disk does not bring, is an error, and nothing of it is returned.
func (v *stateStore) load(group string) (failover.Intent, error) {
	if v.dir == "" && v.from == "" {
		return failover.Intent{}, nil
	}
	text, err := v.read(v.path(group))
	if errors.Is(err, fs.ErrNotExist) {
		return failover.Intent{}, nil
	}
	if err != nil {
		return failover.Intent{}, err
	}
	in, err := unseal(text)
	switch {
	case err != nil:
		return failover.Intent{}, fmt.Errorf("%s is damaged: %w", v.path(group), err)
	case in.Group != group:
		return failover.Intent{}, fmt.Errorf("%s is about group %q, not %q", v.path(group), in.Group, group)
	}
	return fromWall(in, time.Now(), perf.Now()), nil
}

// toWall returns the intent with its times in seconds of the calendar, which is how they are
// kept; wall and now are this moment on both clocks.
func toWall(in failover.Intent, wall time.Time, now int64) failover.Intent {
	return in.Retimed(func(at int64) int64 { return wall.Add(time.Duration(at - now)).Unix() })
}

// fromWall is the reverse. When the calendar was set back what was kept may lie ahead, and is
// taken for now: it forbids nothing for longer than it did when it was new. Nothing is taken to
// be older than an hour.
func fromWall(in failover.Intent, wall time.Time, now int64) failover.Intent {
	return in.Retimed(func(at int64) int64 {
		ago := min(max(wall.Unix()-at, 0), int64(time.Hour/time.Second))
		return now - ago*int64(time.Second)
	})
}

// unseal reads the text of a state file.
func unseal(text []byte) (in failover.Intent, err error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return in, err
	}
	if got := sum(s.Intent); got != s.Sum {
		return in, fmt.Errorf("its checksum is %.8s, it says %.8s", got, s.Sum)
	}
	if err := json.Unmarshal(s.Intent, &in); err != nil {
		return failover.Intent{}, err
	}
	return in, nil
}

// seal returns the text of a state file.
func seal(in failover.Intent) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(stored{sum(body), body})
}

func sum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}
