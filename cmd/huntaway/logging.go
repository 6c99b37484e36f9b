package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"huntaway/config"
)

// A logbook is where the process writes its log: its level can change and its file can be
// reopened while it is written to.
type logbook struct {
	*slog.Logger
	level slog.LevelVar
	out   *logOutput
}

// openLog opens the log that c asks for. stderr serves when c names no file.
func openLog(c config.Log, stderr io.Writer) (*logbook, error) {
	b := &logbook{out: &logOutput{w: stderr, path: c.Output}}
	if err := b.setLevel(c.Level); err != nil {
		return nil, err
	}
	if err := b.out.reopen(); err != nil {
		return nil, err
	}
	options := &slog.HandlerOptions{Level: &b.level, ReplaceAttr: named}
	if c.Format == "text" || (c.Format != "json" && b.out.terminal()) {
		b.Logger = slog.New(slog.NewTextHandler(b.out, options))
	} else {
		b.Logger = slog.New(slog.NewJSONHandler(b.out, options))
	}
	return b, nil
}

// named shows what has a name by it, and durations with their unit; in JSON they would be numbers.
func named(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	if s, ok := a.Value.Any().(fmt.Stringer); ok && a.Value.Kind() == slog.KindAny {
		a.Value = slog.StringValue(s.String())
	}
	return a
}

// setLevel takes one of the words of config.Log.Level; "" is info.
func (b *logbook) setLevel(word string) error {
	level := slog.LevelInfo
	if word != "" {
		if err := level.UnmarshalText([]byte(word)); err != nil {
			return fmt.Errorf("log level %q: want debug, info, warn or error", word)
		}
	}
	b.level.Set(level)
	return nil
}

// shift makes the log more (by a negative step) or less talkative, between debug and error,
// and says so whatever is shown: that is no error.
func (b *logbook) shift(step slog.Level) {
	level := min(max(b.level.Level()+step, slog.LevelDebug), slog.LevelError)
	b.level.Set(level)
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "log level set", 0)
	record.Add("level", level.String())
	_ = b.Handler().Handle(context.Background(), record) // a log that cannot be written cannot say so either
}

// A logOutput is the file, or standard error, behind a logbook.
type logOutput struct {
	path string // "" for standard error

	mu sync.Mutex // guards w
	w  io.Writer
}

// Write appends one record.
func (o *logOutput) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// reopen opens the file anew, so that one that was renamed is let go. If that fails the old
// one stays in use.
func (o *logOutput) reopen() error {
	if o.path == "" {
		return nil
	}
	f, err := os.OpenFile(o.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	o.mu.Lock()
	old, opened := o.w.(*os.File)
	o.w = f
	o.mu.Unlock()
	if opened && old != os.Stderr {
		old.Close()
	}
	return nil
}

// terminal tells whether somebody reads along.
func (o *logOutput) terminal() bool {
	f, ok := o.w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
