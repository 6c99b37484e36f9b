package loop

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"huntaway/codec"
)

// configAnswers: CONFIG, as of one server that stands for the pool.
var configAnswers = map[string]localAnswer{
	"config|get":  answerConfigGet,
	"config|help": configHelp,
	"config|set":  answerConfigSet,
}

// A setting is one line of CONFIG GET.
type setting struct{ name, value string }

// settings are those of which the proxy knows better than its servers, because they are about
// the clients, sorted by name. They speak of the pool as if it were one server. Sizes are in
// bytes and times in seconds, as Redis' are. Nothing here is secret: CONFIG GET * goes to every
// client.
func (p *Pool) settings() []setting {
	o := p.options()
	l, query := &o.Limits, o.Limits.RequestBytes
	if q := o.server.QueryBytes; q > 0 {
		query = min(query, q)
	}
	return []setting{
		{"client-output-buffer-limit", outputLimit(l)},
		{"client-query-buffer-limit", strconv.FormatInt(query, 10)},
		{"cluster-enabled", "no"},
		{"databases", strconv.Itoa(p.options().databases(len(p.Table().Groups)))},
		{"maxclients", strconv.Itoa(p.mostClients())},
		{"notify-keyspace-events", p.keyspaceEvents()},
		{"proto-max-bulk-len", strconv.Itoa(o.limits.Bulk)},
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
		return min(n, p.engine.MaxClients())
	}
	return p.engine.MaxClients()
}

// answerConfigGet answers CONFIG GET pattern ...: every setting that a pattern fits, once.
// A name that is not known is left out, never an error: redis-benchmark and
// StackExchange.Redis take an error for a broken server. The masters are asked for what is
// theirs; what cannot be asked is left out too.
func answerConfigGet(s *session, dst []byte, r *codec.Request) []byte {
	var patterns [][]byte
	for i := 2; i < r.Len(); i++ {
		patterns = append(patterns, bytes.Clone(r.Arg(i)))
	}
	s.spend(workMatch * (len(patterns) - 1)) // the first is charged in local
	if own := s.pw.pool.settings(); allNamed(patterns, own) {
		return s.appendSettings(dst, patterns, own)
	}
	s.inquireFor(func(s *session, dst []byte, replies [][]byte) []byte {
		return s.appendSettings(dst, patterns, underOwn(s.pw.pool.settings(), replies))
	}, "CONFIG", "GET", "*")
	return nil
}

// allNamed reports whether the patterns are names of settings that the proxy knows.
func allNamed(patterns [][]byte, own []setting) bool {
	return !slices.ContainsFunc(patterns, func(p []byte) bool {
		return !slices.ContainsFunc(own, func(o setting) bool { return is(p, o.name) })
	})
}

// appendSettings appends those of the settings that the patterns fit.
func (s *session) appendSettings(dst []byte, patterns [][]byte, all []setting) []byte {
	names := make([]string, len(all)) // as they are to be said; "" for those not asked for
	for _, p := range patterns {
		nameSettings(names, all, p)
	}
	var pairs []string
	for i, name := range names {
		if name != "" {
			pairs = append(pairs, name, all[i].value)
		}
	}
	return s.appendPairs(dst, pairs)
}

// nameSettings notes what one argument asks for. A setting keeps the spelling of who asked
// for it by its name first, as in Redis.
func nameSettings(names []string, all []setting, arg []byte) {
	fits := func(name string) bool { return is(arg, name) }
	exact := !bytes.ContainsAny(arg, "[*?")
	if !exact {
		fits = codec.NewGlob(arg).Match
	}
	for i := range all {
		if names[i] != "" || !fits(all[i].name) {
			continue
		}
		names[i] = all[i].name
		if exact {
			names[i] = string(arg)
		}
	}
}

// databases is how many databases clients of a pool with so many groups may SELECT. A pool
// with one group is a Redis, which has 16 unless it is told otherwise; over many groups most
// servers behind proxies were used with one.
func (o *PoolOptions) databases(groups int) int {
	switch {
	case o.cluster:
		return 1 // a Redis Cluster has no others
	case o.Databases > 0:
		return o.Databases
	case groups == 1:
		return 16
	}
	return 1
}

var configHelp = alwaysLines(
	"CONFIG <subcommand> [<arg> ...]. The proxy is configured by its file.",
	"SET notify-keyspace-events <flags>", "    Accepted when the servers have these events on.",
	"GET <pattern> ...", "    Settings as a client would find them on a single server.",
	"HELP", "    This text.",
)

// SetKeyspaceEvents says which events all masters of the pool publish, in the letters of
// notify-keyspace-events. May be called from any goroutine.
func (p *Pool) SetKeyspaceEvents(flags string) { p.events.Store(&flags) }

// keyspaceEvents returns what SetKeyspaceEvents said, "" until then.
func (p *Pool) keyspaceEvents() string {
	if flags := p.events.Load(); flags != nil {
		return *flags
	}
	return ""
}

// answerConfigSet answers CONFIG SET. A client may ask for events that there are already,
// as Spring Session does whenever it starts; everything else is the servers' business.
func answerConfigSet(s *session, dst []byte, r *codec.Request) []byte {
	switch {
	case r.Len()%2 != 0:
		return codec.AppendArity(dst, "config|set")
	case r.Len() > 4 || !is(r.Arg(2), "notify-keyspace-events"):
		s.refuse(textNoConfig)
		return nil
	}
	wanted := string(r.Arg(3))
	if strings.Trim(wanted, "Ag$lshzxeKEtmdn") != "" {
		return codec.AppendError(dst, textEventClass)
	}
	have := s.pw.pool.keyspaceEvents()
	if strings.Trim(allEvents(wanted), allEvents(have)) != "" {
		return codec.AppendError(dst, "NOPERM huntaway: not all servers have the events '"+wanted+"' on (notify-keyspace-events is '"+have+
			"'); set them there, or set admin_commands for a pool with one group")
	}
	return codec.AppendSimple(dst, "OK")
}

// allEvents spells out A, which stands for all events but misses and new keys.
func allEvents(flags string) string { return strings.ReplaceAll(flags, "A", "g$lshzxetd") }
