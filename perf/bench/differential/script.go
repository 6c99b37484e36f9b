package differential

import (
	"crypto/sha1"
	"encoding/hex"
)

// bodies are scripts whose replies follow from the values of their keys.
var bodies = []string{
	"return 1", "return {1,2,{3,'four'},'five'}", "return KEYS", "return ARGV", "return nil", "return false", "return true",
	"return {1,nil,3}", "return 3.99", "return #KEYS", "return {}", "return ''", "return",
	"return redis.status_reply('FINE')", "return redis.error_reply('MINE own words')", "return {err='plain'}", "return {ok='good'}",
	"return redis.call('SET', KEYS[1], ARGV[1])", "return redis.call('GET', KEYS[1])", "return redis.call('INCR', KEYS[1])",
	"return redis.pcall('INCR', KEYS[1])", "return redis.call('LPUSH', KEYS[1], unpack(ARGV))", "return redis.call('LRANGE', KEYS[1], 0, -1)",
	"redis.setresp(3); return redis.call('HGETALL', KEYS[1])", "redis.setresp(3); return redis.call('ZSCORE', KEYS[1], 'm1')",
	"redis.setresp(3); return {double=3.5}", "redis.setresp(3); return {map={a=1}}", "redis.setresp(3); return true",
	"return redis.call('NOSUCH')", "return redis.call('GET')", "return redis.call()", "error('mine')",
	"return redis.sha1hex(ARGV[1] or '')", "return tonumber(ARGV[1]) + 1", "return {big_number='123456789012345678901234567890'}",
	"return {string.rep('x', 5000)}", "return cjson.encode({1,2,3})", "return redis.call('TYPE', KEYS[1])",
	"for i=1,3 do redis.call('RPUSH', KEYS[1], i) end return redis.call('LLEN', KEYS[1])", "#!lua\nreturn 7",
	"#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'x')", "return redis.REDIS_VERSION_NUM",
}

// broken are scripts that cannot be loaded. Nobody asks for them by digest, for the reason
// that loadAll gives.
var broken = []string{"this is no lua", "#!js\nreturn 1", "#!lua flags=none\nreturn 1", "#!lua x=y\nreturn 1", "#!\nreturn 1"}

// script is a body, its keys and its arguments.
func (g *gen) script() []string {
	body := g.oneOf(bodies...)
	if g.once(12) {
		body = g.oneOf(broken...)
	}
	args := append([]string{body}, g.counted()...)
	if g.once(5) {
		args = []string{args[0], "0"}
	}
	for range g.IntN(3) {
		args = append(args, g.value())
	}
	return args
}

// sha is the name by which EVALSHA knows a body.
func sha(body string) string {
	sum := sha1.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// libraries are what FUNCTION LOAD is given.
var libraries = []string{
	"#!lua name=lib1\nredis.register_function('f1', function(keys, args) return args end)",
	"#!lua name=lib2\nredis.register_function{function_name='f2', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}",
	"#!lua name=lib3\nno lua", "no shebang", "#!lua name=lib4\nreturn 1",
}

// loadAll makes the bodies known. Huntaway knows a
// script from the moment on that somebody sends it, and a digest that comes before it in
// the same pipeline finds it there: redis-server would answer NOSCRIPT.
func loadAll() (all []Request) {
	for _, b := range bodies {
		all = append(all, Request{Args: []string{"SCRIPT", "LOAD", b}})
	}
	return all
}

// shas are names of a few bodies, and one of none.
func (g *gen) shas() (args []string) {
	for range 1 + g.IntN(3) {
		args = append(args, sha(g.oneOf(bodies...)))
	}
	return append(args, sha("no script has this name"))
}
