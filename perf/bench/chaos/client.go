package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"huntaway/perf/bench/history"
)

// patience is how long a reply may take; every request has a far shorter deadline in the
// proxy.
const patience = 12 * time.Second

// calmReplies in a row show that a client is served again.
const calmReplies = 10

// A client sends pipelines over one connection after another and takes down what comes of
// them. It never sends anything again. Owner: its goroutine.
type client struct {
	number int
	addr   string       // of its proxy
	posts  []post       // where keys are
	log    *history.Log // shared
	random *rand.Rand
	trade
	closing bool     // what it sends may meet the end of its proxy
	back    comeback // from connections that end between two replies

	seq            int // of its last operation
	connection     int // number of the current one
	conn           redis.Conn
	sent, received int          // over the current connection
	calm           atomic.Int64 // operations in a row that were served; others read it
}

// A trade is what a client does all the time.
type trade struct {
	mix   []maker       // drawn with equal chances
	most  int           // operations in one pipeline
	pause time.Duration // between two pipelines, on average
}

// A post is one group as clients see it.
type post struct {
	group string
	tag   string // keys that contain {tag} belong to the group
}

// A step is one operation and how it is sent.
type step struct {
	op       history.Op
	commands [][]any
	read     func(op *history.Op, reply any) bool // takes the last reply; false: no such request has it
}

// run sends pipelines until the context ends, and then hangs up.
func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		if c.conn == nil && !c.dial(ctx) {
			continue
		}
		c.turn()
		half := int64(c.pause) / 2
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(half + c.random.Int64N(2*half+1))):
		}
	}
	c.hangUp("")
}

// dial opens a connection.
func (c *client) dial(ctx context.Context) bool {
	d := net.Dialer{Timeout: patience}
	began := time.Now()
	conn, err := d.DialContext(ctx, "tcp", c.addr)
	c.back.slow.Store(max(c.back.slow.Load(), int64(time.Since(began))))
	if err == nil {
		c.connection++
		c.sent, c.received = 0, 0
		c.conn = redis.NewConn(c.back.frame(conn), patience, patience)
		return true
	}
	if ctx.Err() == nil {
		c.back.denied.Add(1)
	}
	c.calm.Store(0)
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Millisecond):
	}
	return false
}

// turn sends one pipeline and takes its replies.
func (c *client) turn() {
	steps := make([]step, 1+c.random.IntN(c.most))
	at := c.log.Now()
	for i := range steps {
		c.seq++
		steps[i] = c.mix[c.random.IntN(len(c.mix))](c)
		op := &steps[i].op
		op.Client, op.Conn, op.Seq, op.Invoked = c.number, c.connection, c.seq, at
		for _, words := range steps[i].commands {
			c.sent++
			_ = c.conn.Send(words[0].(string), words[1:]...) // what went wrong comes up when replies are read
		}
	}
	err := c.conn.Flush()
	for i := range steps {
		if err == nil {
			err = c.take(&steps[i])
		}
		for err != nil && c.comesBack(err, steps[i:]) {
			err = c.take(&steps[i])
		}
		if err != nil {
			steps[i].op.Class, steps[i].op.Error = history.Unknown, err.Error()
		}
		if steps[i].op.Class == history.OK {
			c.calm.Add(1)
		} else {
			c.calm.Store(0)
		}
		steps[i].op.Completed = c.log.Now()
		c.log.Add(steps[i].op)
	}
	if err != nil {
		c.hangUp(err.Error())
	}
}

// take reads the replies of one operation. An error means that the connection is of no use
// any more.
func (c *client) take(s *step) error {
	replies := make([]any, len(s.commands))
	for i := range s.commands {
		reply, err := redis.ReceiveWithTimeout(c.conn, patience)
		var refusal redis.Error
		if errors.As(err, &refusal) {
			reply = refusal
		} else if err != nil {
			return err
		}
		c.received++
		replies[i] = reply
	}
	s.settle(replies)
	return nil
}

// settle decides what became of the operation.
func (s *step) settle(replies []any) {
	last := replies[len(replies)-1]
	if refusal, is := last.(redis.Error); is {
		s.op.Class, s.op.Error = history.Classify(string(refusal)), string(refusal)
		return
	}
	for _, before := range replies[:len(replies)-1] {
		if before != "OK" && before != "QUEUED" {
			s.op.Class, s.op.Error = history.Wrong, fmt.Sprintf("%q in front of %v", before, last)
			return
		}
	}
	if !s.read(&s.op, last) {
		s.op.Class, s.op.Error = history.Wrong, fmt.Sprintf("reply %.200q", fmt.Sprint(last))
	}
}

// hangUp ends the connection. why is "" when the client does so by itself; it then looks
// whether the replies are still in step.
func (c *client) hangUp(why string) {
	if c.conn == nil {
		return
	}
	end := history.Conn{Client: c.number, Number: c.connection, Sent: c.sent, Received: c.received, Broken: why}
	if why == "" {
		end.Behind = c.behind()
	}
	c.log.Closed(end)
	_ = c.conn.Close() // it is not used again, whatever this says
	c.conn = nil
}

// behind sends a last request and returns what came in the place of its reply.
func (c *client) behind() string {
	want := fmt.Sprintf("last of %d.%d", c.number, c.connection)
	got, err := redis.String(redis.DoWithTimeout(c.conn, patience, "ECHO", want))
	switch {
	case err != nil && !c.closing:
		return err.Error()
	case err == nil && got != want:
		return got
	}
	return ""
}
