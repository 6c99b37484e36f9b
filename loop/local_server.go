package loop

import (
	"path"
	"strconv"
	"strings"
	"time"

	"huntaway/codec"
)

// serverAnswers: what a server is asked about itself.
var serverAnswers = map[string]localAnswer{
	"command":     answerCommand,
	"command|*":   answerCommand,
	"config|get":  answerConfigGet,
	"config|help": configHelp,
	"info":        answerSections,
	"lolwut":      answerLolwut,
	"module|help": moduleHelp,
	"module|list": alwaysEmpty,
}

func answerCommand(s *session, dst []byte, r *codec.Request) []byte {
	return s.pw.opt.Commands.AppendReply(dst, r, s.resp)
}

// alwaysEmpty says that there are none: a proxy has no modules, and those of the servers
// are found by COMMAND.
func alwaysEmpty(_ *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendArray(dst, 0)
}

func answerLolwut(s *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendText(dst, s.resp, "Huntaway ver. "+s.w.engine.opt.Version+"\n")
}

// A setting is one line of CONFIG GET.
type setting struct{ name, value string }

// settings are what clients ask for when they connect, sorted by name. They speak of the
// pool as if it were one server. Sizes are in bytes and times in seconds, as Redis' are.
// Nothing here is secret: CONFIG GET * goes to every client.
func (p *Pool) settings() []setting {
	l := &p.options().Limits
	return []setting{
		{"appendfsync", "everysec"},
		{"appendonly", "no"},
		{"client-output-buffer-limit", outputLimit(l)},
		{"client-query-buffer-limit", strconv.FormatInt(l.RequestBytes, 10)},
		{"cluster-enabled", "no"},
		{"databases", strconv.Itoa(p.options().databases(len(p.Table().Groups)))},
		{"maxclients", strconv.Itoa(p.mostClients())},
		{"maxmemory", "0"},
		{"maxmemory-policy", "noeviction"},
		{"notify-keyspace-events", ""},
		{"proto-max-bulk-len", strconv.FormatInt(l.BulkBytes, 10)},
		{"replica-read-only", "yes"},
		{"save", ""},
		{"slave-read-only", "yes"},
		{"tcp-keepalive", keepaliveSeconds(&p.opt)},
		{"timeout", strconv.FormatInt(int64(l.IdleTime/time.Second), 10)},
	}
}

// outputLimit is the output limit in Redis' form: class, hard limit, soft limit, seconds.
func outputLimit(l *Limits) string {
	return "normal " + strconv.FormatInt(l.OutputBytes, 10) + " " +
		strconv.FormatInt(l.OutputSoftBytes, 10) + " " +
		strconv.FormatInt(int64(l.OutputSoftTime/time.Second), 10)
}

// keepaliveSeconds is 0 when keepalive is off; on, the kernel's own default applies to
// clients, of which Redis' 300 is the nearest thing to say.
func keepaliveSeconds(o *PoolOptions) string {
	if o.TCPKeepalive {
		return "300"
	}
	return "0"
}

// mostClients is how many sessions the pool may have.
func (p *Pool) mostClients() int {
	if n := p.options().ClientConnections; n > 0 {
		return min(n, p.engine.opt.MaxClients)
	}
	return p.engine.opt.MaxClients
}

// answerConfigGet answers CONFIG GET pattern ...: every setting that a pattern fits, once.
// A name that is not known is left out, never an error: redis-benchmark and
// StackExchange.Redis take an error for a broken server.
func answerConfigGet(s *session, dst []byte, r *codec.Request) []byte {
	var pairs []string
	for _, one := range s.pw.pool.settings() {
		if matchesAny(r, one.name) {
			pairs = append(pairs, one.name, one.value)
		}
	}
	return s.appendPairs(dst, pairs)
}

// matchesAny reports whether an argument from the third on is a glob pattern of name, in
// any case. A pattern that is malformed fits nothing.
func matchesAny(r *codec.Request, name string) bool {
	for i := 2; i < r.Len(); i++ {
		if ok, err := path.Match(strings.ToLower(string(r.Arg(i))), name); ok && err == nil {
			return true
		}
	}
	return false
}

// databases is how many databases clients of a pool with so many groups may SELECT. A pool
// with one group is a Redis, which has 16 unless it is told otherwise; over many groups most
// servers behind proxies were used with one.
func (o *PoolOptions) databases(groups int) int {
	switch {
	case o.Databases > 0:
		return o.Databases
	case groups == 1:
		return 16
	}
	return 1
}

var configHelp = alwaysLines(
	"CONFIG <subcommand> [<arg> ...]. The proxy is configured by its file.",
	"GET <pattern> ...", "    Settings as a client would find them on a single server.",
	"HELP", "    This text.",
)

var moduleHelp = alwaysLines(
	"MODULE <subcommand>. Modules are the servers' own; the proxy has none.",
	"LIST", "    None.",
	"HELP", "    This text.",
)
