package main

import (
	"bufio"
	"io"
	"os"
	"time"
)

// quiet is how long nothing may end before it is said what is running.
const quiet = 30 * time.Second

func main() {
	t := newTally(os.Stdout)
	follow(t, lines(os.Stdin), time.Tick(quiet))
	if !t.conclude() {
		os.Exit(1)
	}
}

// lines reads from r until its end.
func lines(r io.Reader) <-chan []byte {
	out := make(chan []byte)
	go func() {
		defer close(out)
		in := bufio.NewReader(r) // not a Scanner: a test may print lines of any length
		for {
			line, err := in.ReadBytes('\n')
			if len(line) > 0 {
				out <- line
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// follow hands every line to t, and has it say what is running when nothing ended from one tick
// to the next.
func follow(t *tally, in <-chan []byte, ticks <-chan time.Time) {
	ended := t.ended
	for {
		select {
		case line, more := <-in:
			if !more {
				return
			}
			t.line(line)
		case now := <-ticks:
			if t.ended == ended {
				t.running(now)
			}
			ended = t.ended
		}
	}
}
