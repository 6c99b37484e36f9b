package loop_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/perf/bench/rig"
)

// A question is a request and the one reply it may get.
type question struct{ frame, want []byte }

// A quiz makes questions about keys that belong to one client, and knows the answers.
type quiz struct {
	rnd   *rand.Rand
	who   string
	seq   int
	known map[string]string
}

// next makes one question.
func (q *quiz) next() question {
	q.seq++
	key := fmt.Sprintf("%s:%d", q.who, q.rnd.IntN(20))
	switch q.rnd.IntN(6) {
	case 0, 1:
		v := value(fmt.Sprintf("%s#%d", q.who, q.seq), 1<<q.rnd.IntN(18)+q.rnd.IntN(64<<10)>>q.rnd.IntN(16))
		q.known[key] = v
		return question{rig.AppendCommand(nil, "SET", key, v), []byte("+OK\r\n")}
	case 2:
		return q.several()
	case 3:
		token := fmt.Sprintf("%s!%d", q.who, q.seq)
		return question{rig.AppendCommand(nil, "EVAL", "return ARGV[1]", "1", key, token), codec.AppendBulk(nil, token)}
	case 4:
		text := fmt.Sprintf("ERR %s?%d", q.who, q.seq)
		return question{rig.AppendCommand(nil, "EVAL", "return redis.error_reply(ARGV[1])", "1", key, text),
			[]byte("-" + text + "\r\n")}
	}
	return question{rig.AppendCommand(nil, "GET", key), q.appendAnswer(nil, key)}
}

// several asks for a few keys, which are likely to be of several groups.
func (q *quiz) several() question {
	args := []string{"MGET"}
	for range 1 + q.rnd.IntN(6) {
		args = append(args, fmt.Sprintf("%s:%d", q.who, q.rnd.IntN(25)))
	}
	want := codec.AppendArray(nil, len(args)-1)
	for _, key := range args[1:] {
		want = q.appendAnswer(want, key)
	}
	return question{rig.AppendCommand(nil, args...), want}
}

func (q *quiz) appendAnswer(dst []byte, key string) []byte {
	if v, ok := q.known[key]; ok {
		return codec.AppendBulk(dst, v)
	}
	return codec.AppendNull(dst)
}

// ask sends a pipeline and checks every reply. Sending has its own goroutine: a client that
// only writes would be stopped.
func ask(c *client, questions []question) error {
	sent := make(chan error, 1)
	go func() {
		var all []byte
		for _, q := range questions {
			all = append(all, q.frame...)
		}
		sent <- c.send(all)
	}()
	for i, q := range questions {
		got, err := c.reply()
		if err != nil {
			return fmt.Errorf("reply %d of %d: %w", i, len(questions), err)
		}
		if string(got) != string(q.want) {
			return fmt.Errorf("reply %d of %d to %.80q: got %.120q; want %.120q", i, len(questions), q.frame, got, q.want)
		}
	}
	return <-sent
}

func TestEveryReplyReachesItsRequest(t *testing.T) {
	for _, links := range []int{1, 3} {
		t.Run(fmt.Sprintf("links=%d", links), func(t *testing.T) {
			sc := scene{groups: alone(startServers(t, 3)...)}
			sc.options.ServerConnections = links
			st, rnd := play(t, sc), newRand(t)
			seeds := make([]uint64, 24)
			for i := range seeds {
				seeds[i] = rnd.Uint64()
			}
			err := together(len(seeds), func(i int) error {
				c, err := st.connect()
				if err != nil {
					return err
				}
				defer c.conn.Close()
				q := quiz{rand.New(rand.NewPCG(seeds[i], 0)), fmt.Sprintf("c%d", i), 0, map[string]string{}}
				for range 6 {
					questions := make([]question, 1+q.rnd.IntN(60))
					for k := range questions {
						questions[k] = q.next()
					}
					if err := ask(c, questions); err != nil {
						return fmt.Errorf("client %d: %w", i, err)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			if c := st.counters(); c.Split == 0 || c.ErrorReplies != 0 || c.Requests-c.Recalled != c.Replies {
				t.Errorf("got %d split, %d errors made here, %d requests, %d of them recalled, %d replies; want some, 0, and equal figures",
					c.Split, c.ErrorReplies, c.Requests, c.Recalled, c.Replies)
			}
		})
	}
}

// TestPipelineLimitPauses sends far more requests than may be in flight before it reads.
func TestPipelineLimitPauses(t *testing.T) {
	const requests = 100_000
	sc := scene{groups: alone(startServers(t, 2)...)}
	st := play(t, sc)
	c := st.dial()
	c.want(t, "OK", "SET", "k", strings.Repeat("v", 100))
	sent := make(chan error, 1)
	go func() {
		var all []byte
		for i := range requests {
			if i%2 == 0 {
				all = rig.AppendCommand(all, "ECHO", strconv.Itoa(i))
			} else {
				all = rig.AppendCommand(all, "GETRANGE", "k", "0", "99")
			}
		}
		sent <- c.send(all)
	}()
	eventually(t, "the session is paused", func() bool { return st.counters().Paused > 0 })
	for i := range requests {
		want := strings.Repeat("v", 100)
		if i%2 == 0 {
			want = strconv.Itoa(i)
		}
		if got, err := c.text(); err != nil || got != want {
			t.Fatalf("reply %d: got %.80q, %v; want %.80q", i, got, err, want)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}
