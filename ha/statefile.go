package ha

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// diskPatience is how long a disk is waited for: less than a machine waits for what it has
// ordered, so that it learns why.
const diskPatience = 1900 * time.Millisecond

// A stateFile is where one group's intent is kept.
type stateFile struct {
	turn chan struct{} // full while a write is under way, given up or not; room for one

	// Guarded by the state store's mu.
	begun   uint64 // the newest version that was prepared
	written uint64 // the newest version that is in the file
	since   int64  // when the write under way was begun; 0: there is none
}

// stateFile returns that of a group. The caller holds mu.
func (v *stateStore) stateFile(group string) *stateFile {
	d := v.stateFiles[group]
	if d == nil {
		if v.stateFiles == nil {
			v.stateFiles = map[string]*stateFile{}
		}
		d = &stateFile{turn: make(chan struct{}, 1)}
		v.stateFiles[group] = d
	}
	return d
}

// prepare notes that an intent is the newest of its group, and returns what writes it. That may
// run on any goroutine. It returns nil when the intent, or a newer one, is on the disk, and an
// error after diskPatience at the latest; the intent may come to be on the disk all the same.
func (v *stateStore) prepare(in failover.Intent) func() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	d := v.stateFile(in.Group)
	d.begun++
	version := d.begun
	return func() error {
		if v.dir == "" {
			return nil
		}
		patience := time.NewTimer(diskPatience)
		defer patience.Stop()
		select {
		case d.turn <- struct{}{}:
		case <-patience.C:
			return v.overdue(in.Group)
		}
		ended := make(chan error, 1)
		v.writing.Go(func() { ended <- v.keep(in, version) })
		select {
		case err := <-ended:
			return err
		case <-patience.C:
			return v.overdue(in.Group)
		}
	}
}

// overdue says that the disk does not answer.
func (v *stateStore) overdue(group string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	waited := diskPatience
	if since := v.stateFile(group).since; since != 0 {
		waited = time.Duration(perf.Now() - since)
	}
	return fmt.Errorf("writing %s: the disk has not answered for %v", v.path(group), waited.Round(100*time.Millisecond))
}

// keep writes an intent unless a newer one was written, and ends the group's turn.
func (v *stateStore) keep(in failover.Intent, version uint64) error {
	v.mu.Lock()
	d := v.stateFile(in.Group)
	outdated := d.written > version
	d.since = perf.Now()
	v.mu.Unlock()
	var err error
	if !outdated {
		err = v.write(in)
	}
	v.mu.Lock()
	if d.since = 0; err == nil {
		d.written = max(d.written, version)
	}
	v.mu.Unlock()
	<-d.turn
	if err != nil {
		return fmt.Errorf("writing %s: %w", v.path(in.Group), err)
	}
	return nil
}

// write puts an intent in its file.
func (v *stateStore) write(in failover.Intent) error {
	if err := v.open(); err != nil {
		return err
	}
	text, err := seal(toWall(in, time.Now(), perf.Now()))
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(v.dir, "*.tmp") // 0600
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the state directory is gone, and its lock with it: end this process and start it again, which makes them anew (%w)", bare(err))
	}
	if err != nil {
		return bare(err)
	}
	_, err = f.Write(text)
	err = errors.Join(bare(err), bare(f.Sync()), bare(f.Close()))
	if err == nil {
		err = bare(os.Rename(f.Name(), v.path(in.Group)))
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(v.dir)
}

// bare leaves the name of a temporary file, which says nothing to anybody, out of an error.
func bare(err error) error {
	var path *os.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// read returns what is in a file, if the disk brings it in time. One read that hangs is enough:
// until it has ended others fail at once, so that many groups do not wait one after the other.
func (v *stateStore) read(path string) ([]byte, error) {
	if !v.reading.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("reading %s: the disk does not answer", path)
	}
	var text []byte
	ended := make(chan error, 1)
	go func() {
		got, err := readBounded(path, mostIntent)
		v.reading.Store(false)
		text = got
		ended <- err
	}()
	select {
	case err := <-ended:
		return text, err
	case <-time.After(diskPatience):
		return nil, fmt.Errorf("reading %s: the disk has not answered for %v", path, diskPatience)
	}
}
