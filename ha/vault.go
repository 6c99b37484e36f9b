package ha

import (
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
	"syscall"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// A vault keeps a pool's intents, a file for each group, and the lock that keeps other
// processes away from them. A crash leaves the old file or the new one, never a part of one.
type vault struct {
	// Fixed when made.
	dir  string // "": nothing is kept
	pool string

	// mu guards the following, and is held while a file is written.
	mu      sync.Mutex
	lock    *os.File          // nil until the directory was needed
	id      string            // of this monitor, the same after a restart; "" without lock
	begun   map[string]uint64 // by group: the newest version that was prepared
	written map[string]uint64 // by group: the newest version that is in the file
}

// stored is a state file. The sum is that of the bytes of Intent.
type stored struct {
	Sum    string          `json:"sha256"`
	Intent json.RawMessage `json:"intent"`
}

// open makes the directory and takes the lock. The error says who else may have it.
func (v *vault) open() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.opened()
}

// opened is open for a caller who holds mu; it does nothing the second time.
func (v *vault) opened() error {
	if v.lock != nil {
		return nil
	}
	if v.dir == "" {
		return errors.New("there is no state directory: set runtime.state_dir, or STATE_DIRECTORY, or HOME")
	}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return fmt.Errorf("making the state directory: %w", err)
	}
	path := filepath.Join(v.dir, url.PathEscape(v.pool)+".lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
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
	v.lock, v.id = f, id
	return nil
}

// identity returns the name that the lock file holds, after giving it one if need be. It
// stays the same after a restart, so that a monitor does not take its own heartbeat for a
// rival's, and differs from that of a copy of the directory on another host.
func identity(f *os.File) (string, error) {
	text, err := io.ReadAll(f)
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

// close gives the lock back.
func (v *vault) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.lock != nil {
		v.lock.Close() // nothing is written through it
		v.lock = nil
	}
}

// path returns the file of a group.
func (v *vault) path(group string) string {
	return filepath.Join(v.dir, url.PathEscape(v.pool)+"@"+url.PathEscape(group)+".json")
}

// load returns what is kept of a group, nothing when there is no file. A file that is damaged
// is an error, and nothing of it is returned.
func (v *vault) load(group string) (failover.Intent, error) {
	if v.dir == "" {
		return failover.Intent{}, nil
	}
	text, err := os.ReadFile(v.path(group))
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

// prepare notes that an intent is the newest of its group, and returns what writes it. That
// may run on any goroutine, and returns when the intent, or a newer one, is on the disk.
func (v *vault) prepare(in failover.Intent) func() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.begun == nil {
		v.begun, v.written = map[string]uint64{}, map[string]uint64{}
	}
	v.begun[in.Group]++
	version := v.begun[in.Group]
	return func() error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.dir == "" || v.written[in.Group] > version {
			return nil
		}
		if err := v.write(in); err != nil {
			return fmt.Errorf("writing the state of group %s: %w", in.Group, err)
		}
		v.written[in.Group] = version
		return nil
	}
}

// write puts an intent in its file. The caller holds mu.
func (v *vault) write(in failover.Intent) error {
	if err := v.opened(); err != nil {
		return err
	}
	text, err := seal(toWall(in, time.Now(), perf.Now()))
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(v.dir, "*.tmp") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), v.path(in.Group))
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(v.dir)
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
