package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"

	"huntaway/perf/bench/history"
)

// A maker draws one operation of its kind.
type maker func(*client) step

// accounts of each bank, and what each holds in the beginning.
const (
	accounts = 10
	opening  = 100
)

// ordinary is what clients do unless the case says otherwise. What stands twice is drawn twice
// as often.
var ordinary = []maker{
	echo, token, push, appendTo, appendTo, witnessed, witnessed, count, set, set, get, get, get, get,
	transfer, transferScript, audit, spread, spreadGet, clearAll,
}

// writing is for cases that measure how long no write succeeds.
var writing = []maker{witnessed, appendTo, count, set, get, get}

// post draws a group.
func (c *client) post() post { return c.posts[c.random.IntN(len(c.posts))] }

// id is unique in the run.
func (c *client) id() string { return fmt.Sprintf("%d.%d", c.number, c.seq) }

// list draws the client's own list or the one that all share.
func (c *client) list(p post) string {
	if c.random.IntN(2) == 0 {
		return fmt.Sprintf("l:{%s}:shared", p.tag)
	}
	return fmt.Sprintf("l:{%s}:%d", p.tag, c.number)
}

func one(op history.Op, read func(*history.Op, any) bool, words ...any) step {
	return step{op: op, commands: [][]any{words}, read: read}
}

// isNumber takes any integer; the operation's version becomes it.
func isNumber(op *history.Op, reply any) bool {
	n, ok := reply.(int64)
	op.Version = n
	return ok
}

// isNumberOnly takes any integer, which says nothing.
func isNumberOnly(_ *history.Op, reply any) bool {
	_, ok := reply.(int64)
	return ok
}

func isOK(_ *history.Op, reply any) bool { return reply == "OK" }

// isText takes a bulk string for the token that came back.
func isText(op *history.Op, reply any) bool {
	text, err := redis.String(reply, nil)
	op.Got = text
	return err == nil
}

// echo is answered by the proxy.
func echo(c *client) step {
	t := c.id() + strings.Repeat("x", c.random.IntN(100))
	return one(history.Op{Kind: history.Echo, Value: t}, isText, "ECHO", t)
}

// token is answered by a master, which writes nothing.
func token(c *client) step {
	p, t := c.post(), c.id()
	op := history.Op{Kind: history.Echo, Group: p.group, Value: t}
	return one(op, isText, "EVAL", "return ARGV[1]", 1, fmt.Sprintf("t:{%s}", p.tag), t)
}

func appendTo(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Append, Group: p.group, Key: c.list(p), Value: c.id()}
	return one(op, isNumberOnly, "RPUSH", op.Key, op.Value)
}

// witnessScript appends, and has the server that does so tell its port.
const witnessScript = `redis.call('RPUSH', KEYS[1], ARGV[1])
return string.match(redis.call('INFO', 'server'), 'tcp_port:(%d+)')`

func witnessed(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Append, Group: p.group, Key: c.list(p), Value: c.id()}
	return one(op, func(op *history.Op, reply any) bool {
		port, err := redis.String(reply, nil)
		op.Server = port
		return err == nil
	}, "EVAL", witnessScript, 1, op.Key, op.Value)
}

func count(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Incr, Group: p.group, Key: fmt.Sprintf("c:{%s}", p.tag)}
	return one(op, isNumber, "INCR", op.Key)
}

// known is a key that every group has from the beginning; its value is its name.
func known(p post) string { return fmt.Sprintf("k:{%s}", p.tag) }

// lookup reads what never changes, on a connection that writes nothing, so any replica will do.
func lookup(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Read, Group: p.group, Key: known(p), Value: known(p)}
	return one(op, isText, "GET", op.Key)
}

// register is a key that only this client writes.
func (c *client) register(p post) string { return fmt.Sprintf("r:{%s}:%d", p.tag, c.number) }

// value tells its key and its version; a few are long.
func (c *client) value(key string, version int) string {
	text := fmt.Sprintf("%s|%d|", key, version)
	switch draw := c.random.IntN(500); {
	case draw == 0:
		return text + strings.Repeat("z", 1<<20)
	case draw < 20:
		return text + strings.Repeat("y", 20<<10)
	}
	return text + strings.Repeat("x", c.random.IntN(100))
}

func set(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Set, Group: p.group, Key: c.register(p), Version: int64(c.seq)}
	return one(op, isOK, "SET", op.Key, c.value(op.Key, c.seq))
}

func get(c *client) step {
	p := c.post()
	return c.look(p, c.register(p))
}

func (c *client) look(p post, key string) step {
	return one(history.Op{Kind: history.Get, Group: p.group, Key: key}, isValue, "GET", key)
}

// isValue takes a value apart; nil is version 0.
func isValue(op *history.Op, reply any) bool {
	if reply == nil {
		return true
	}
	text, err := redis.String(reply, nil)
	if err != nil {
		return false
	}
	key, version, ok := versionOf(text)
	op.Got, op.Version = key, version
	return ok
}

// versionOf reads what value has written.
func versionOf(text string) (key string, version int64, ok bool) {
	key, rest, ok := strings.Cut(text, "|")
	number, padding, more := strings.Cut(rest, "|")
	version, err := strconv.ParseInt(number, 10, 64)
	return key, version, ok && more && err == nil && strings.Trim(padding, "xyz") == ""
}

// account is one of a group's bank.
func account(p post, n int) string { return fmt.Sprintf("b:{%s}:%d", p.tag, n) }

func (c *client) bank(k history.Kind) (history.Op, post) {
	p := c.post()
	return history.Op{Kind: k, Group: p.group, Key: "b:" + p.group}, p
}

func transfer(c *client) step {
	op, p := c.bank(history.Transfer)
	from, to := account(p, c.random.IntN(accounts)), account(p, c.random.IntN(accounts))
	return step{op: op, read: func(_ *history.Op, reply any) bool {
		both, err := redis.Ints(reply, nil)
		return err == nil && len(both) == 2
	}, commands: [][]any{{"MULTI"}, {"DECRBY", from, 7}, {"INCRBY", to, 7}, {"EXEC"}}}
}

const move = `redis.call('DECRBY', KEYS[1], ARGV[1])
redis.call('INCRBY', KEYS[2], ARGV[1])
return string.match(redis.call('INFO', 'server'), 'tcp_port:(%d+)')`

func transferScript(c *client) step {
	op, p := c.bank(history.Transfer)
	return one(op, func(op *history.Op, reply any) bool {
		port, err := redis.String(reply, nil)
		op.Server = port
		return err == nil
	}, "EVAL", move, 2, account(p, c.random.IntN(accounts)), account(p, c.random.IntN(accounts)), 3)
}

const addUp = `local sum = 0
for _, v in ipairs(redis.call('MGET', unpack(KEYS))) do sum = sum + tonumber(v or 0) end
return sum`

func audit(c *client) step {
	op, p := c.bank(history.Audit)
	words := []any{"EVAL", addUp, accounts}
	for n := range accounts {
		words = append(words, account(p, n))
	}
	return one(op, isNumber, words...)
}

// scattered are keys of this client in every group.
func (c *client) scattered() (keys []string) {
	for _, p := range c.posts {
		keys = append(keys, fmt.Sprintf("x:{%s}:%d", p.tag, c.number), fmt.Sprintf("y:{%s}:%d", p.tag, c.number))
	}
	return keys
}

func spread(c *client) step {
	op := history.Op{Kind: history.Spread, Keys: c.scattered(), Version: int64(c.seq)}
	words := []any{"MSET"}
	for _, key := range op.Keys {
		words = append(words, key, c.value(key, c.seq))
	}
	return one(op, isOK, words...)
}

func spreadGet(c *client) step {
	p := c.post()
	return c.look(p, fmt.Sprintf("%c:{%s}:%d", "xy"[c.random.IntN(2)], p.tag, c.number))
}

func clearAll(c *client) step {
	op := history.Op{Kind: history.Clear, Keys: c.scattered()}
	words := []any{"DEL"}
	for _, key := range op.Keys {
		words = append(words, key)
	}
	return one(op, isNumber, words...)
}

func queueOf(p post) string { return fmt.Sprintf("q:{%s}", p.tag) }

func push(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Push, Group: p.group, Key: queueOf(p), Value: c.id()}
	return one(op, isNumberOnly, "RPUSH", op.Key, op.Value)
}

// pop blocks until there is something, for a second at most.
func pop(c *client) step {
	p := c.post()
	op := history.Op{Kind: history.Pop, Group: p.group, Key: queueOf(p)}
	return one(op, func(op *history.Op, reply any) bool {
		if reply == nil {
			return true
		}
		both, err := redis.Strings(reply, nil)
		if err != nil || len(both) != 2 || both[0] != op.Key {
			return false
		}
		op.Got = both[1]
		return true
	}, "BLPOP", op.Key, 1)
}
