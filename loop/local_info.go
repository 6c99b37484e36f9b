package loop

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"huntaway/codec"
	"huntaway/perf"
)

// leastVersion is reported until the servers have been asked (Pool.SetServerVersion). It
// is the least that Sidekiq and BullMQ start with, and promises the least to all others: a
// client that is told more than the servers are sends commands that they do not know.
const leastVersion = "7.0.0"

// SetServerVersion says what INFO and HELLO report as redis_version: the lowest of the
// pool's servers. "" brings back the default, 7.0.0. May be called from any goroutine.
func (p *Pool) SetServerVersion(version string) { p.serverVersion.Store(&version) }

// ServerVersion returns what INFO and HELLO report as redis_version. May be called from
// any goroutine.
func (p *Pool) ServerVersion() string {
	if v := p.serverVersion.Load(); v != nil && *v != "" {
		return *v
	}
	return leastVersion
}

// isBefore reports whether the servers are known to be older than a major version.
func (p *Pool) isBefore(major int) bool {
	first, _, _ := strings.Cut(p.ServerVersion(), ".")
	n, err := strconv.Atoi(first)
	return err == nil && n < major
}

// runID is what INFO calls run_id: 40 hexadecimal digits, other ones in every process.
var runID = newRunID()

func newRunID() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return hex.EncodeToString(b[:])
}

// answerSections answers INFO [section ...]: what the masters say, under what the proxy knows
// better.
func answerSections(s *session, _ []byte, r *codec.Request) []byte {
	x := s.asking(r)
	who := entry{session: s.index, gen: s.gen, seq: s.expect(slot{join: noJoin})}
	s.stop(stopGather)
	if x.ask == nil {
		s.inform(who.seq, x, nil)
		return nil
	}
	w := s.w
	s.pw.inquire(func(told [][]byte) {
		if s := w.sessionOf(&who); s != nil {
			s.inform(who.seq, x, told)
		}
	}, x.ask...)
	return nil
}

// A want is what an INFO asks for.
type want struct {
	sections []int    // of sectionTable
	ask      []string // what to ask the masters; nil: nothing
	only     []string // the names of the sections to show of what they say; nil: all
}

// asking reads the arguments of INFO. Servers before 7.0 take one section at most, and are
// asked for all of them where the client wants several.
func (s *session) asking(r *codec.Request) (x want) {
	x.sections, x.ask = wantedSections(r), []string{"INFO"}
	for i := 1; i < r.Len(); i++ {
		if name := strings.ToLower(string(r.Arg(i))); name != ownSection && !slices.Contains(x.ask, name) {
			x.ask = append(x.ask, name)
		}
	}
	switch {
	case r.Len() > 1 && len(x.ask) == 1:
		x.ask = nil
	case len(x.ask) > 2 && s.pw.pool.isBefore(7):
		x.only, x.ask = x.ask[1:], []string{"INFO", "all"}
	}
	return x
}

// shows reports whether a section of the masters is wanted.
func (x *want) shows(title string) bool {
	return x.only == nil || slices.Contains(x.only, strings.ToLower(title)) ||
		slices.ContainsFunc(x.sections, func(at int) bool { return sectionTable[at].title == title })
}

// inform answers INFO with what all workers report, and what the masters have told: nil when
// they could not be asked.
func (s *session) inform(seq uint32, x want, told [][]byte) {
	p := s.pw.pool
	gatherAt(s, seq, func(w *worker) *report { return w.reportOf(p) },
		func(s *session, dst []byte, parts []*report) []byte {
			sum := &report{told: told}
			for _, part := range parts {
				sum.add(part)
			}
			return codec.AppendText(dst, s.proto.resp, s.appendSections(nil, x, sum))
		})
}

// reportOf copies what the worker knows of one pool. It runs on the worker.
func (w *worker) reportOf(p *Pool) *report {
	pw := w.pools[p.index]
	counted := tally{counters: pw.counters, commands: slices.Clone(pw.commands), roll: pw.rollOf()}
	r := &report{tally: counted, masters: pw.sight(), rates: pw.ratesNow()}
	r.errors.add(&pw.pace.errors)
	return r
}

// ownSection is the name of the section that no Redis has.
const ownSection = "huntaway"

// A section is one heading of INFO and what stands under it.
type section struct {
	name, title string
	extra       bool // only when it is named, or all are asked for
	own         bool // no section of Redis: extra, and not in "all", which exporters read
	lines       func(i *lines, s *session, sum *report)
}

// sectionTable are the sections of which the proxy knows something itself, in the order of
// Redis. What it does not know is left to the masters, and not said while they cannot be asked.
var sectionTable = []section{
	{"server", "Server", false, false, serverLines},
	{"clients", "Clients", false, false, clientLines},
	{"memory", "Memory", false, false, nothingOwn},
	{"persistence", "Persistence", false, false, persistenceLines},
	{"stats", "Stats", false, false, statsLines},
	{"replication", "Replication", false, false, replicationLines},
	{"cpu", "CPU", false, false, cpuLines},
	{"commandstats", "Commandstats", true, false, commandLines},
	{"errorstats", "Errorstats", false, false, errorLines},
	{"cluster", "Cluster", false, false, clusterLines},
	{"keyspace", "Keyspace", false, false, keyspaceLines},
	{ownSection, "Huntaway", true, true, huntawayLines},
}

// wantedSections reads the arguments of INFO: the indexes of the sections to show.
func wantedSections(r *codec.Request) (indexes []int) {
	for i := range sectionTable {
		one := &sectionTable[i]
		wanted := r.Len() == 1 && !one.extra
		for a := 1; a < r.Len(); a++ {
			arg := r.Arg(a)
			wanted = wanted || is(arg, one.name) || is(arg, "everything") ||
				is(arg, "all") && !one.own || is(arg, "default") && !one.extra
		}
		if wanted {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// appendSections appends the sections with an empty line between them: those of the masters
// in their order, then those of ours that they do not have.
func (s *session) appendSections(dst []byte, x want, sum *report) []byte {
	i := lines{dst}
	said := map[string]bool{}
	for _, c := range mergeInfo(sum.told) {
		if x.shows(c.title) {
			said[c.title] = true
			c.overlay(s.ownFields(c.title, sum), len(sum.told) == 1)
			i.chapter(&c)
		}
	}
	for _, at := range x.sections {
		if title := sectionTable[at].title; !said[title] {
			i.chapter(&chapter{title, s.ownFields(title, sum)})
		}
	}
	return i.b
}

// ownFields are the proxy's own lines of a section.
func (s *session) ownFields(title string, sum *report) []field {
	for at := range sectionTable {
		if sectionTable[at].title == title {
			var i lines
			i.text("# ", title)
			sectionTable[at].lines(&i, s, sum)
			return chaptersOf(i.b)[0].fields
		}
	}
	return nil
}

// chapter appends a section.
func (i *lines) chapter(c *chapter) {
	if len(i.b) > 0 {
		i.text("", "")
	}
	i.text("# ", c.title)
	for _, f := range c.fields {
		i.text(f.name+":", f.value)
	}
}

// lines is the text of INFO while it is being made.
type lines struct{ b []byte }

// text appends a line: "name:" and a value.
func (i *lines) text(name, value string) {
	i.b = append(i.b, name...)
	i.b = append(i.b, value...)
	i.b = append(i.b, codec.CRLF...)
}

// number appends a line: "name:" and a value.
func (i *lines) number(name string, value int64) { i.text(name, strconv.FormatInt(value, 10)) }

// serverLines begins with redis_version: BullMQ takes the first line that ends so.
func serverLines(i *lines, s *session, _ *report) {
	p := s.pw.pool
	up := int64(time.Since(perf.Started()) / time.Second)
	exe, _ := os.Executable() // "" where the system cannot tell
	i.text("redis_version:", p.ServerVersion())
	i.text("redis_mode:", "standalone")
	i.text("os:", runtime.GOOS+" "+runtime.GOARCH)
	i.number("arch_bits:", strconv.IntSize)
	i.text("multiplexing_api:", "epoll")
	i.number("process_id:", int64(os.Getpid()))
	i.text("run_id:", runID)
	i.text("tcp_port:", portOf(s.client.here))
	i.number("server_time_usec:", time.Now().UnixMicro())
	i.number("uptime_in_seconds:", up)
	i.number("uptime_in_days:", up/86400)
	i.text("executable:", exe)
	i.text("config_file:", "")
	proxyLines(i, s)
}

// proxyLines say who it is that answers.
func proxyLines(i *lines, s *session) {
	i.text("huntaway_version:", s.w.engine.opt.Version)
	i.text("huntaway_pool:", s.pw.pool.opt.Name)
	i.number("huntaway_groups:", int64(len(s.pw.table.Groups)))
	i.number("huntaway_workers:", int64(len(s.w.engine.workers)))
}

// huntawayLines say what stands behind the pool, a line for each group, with the fields after
// Redis' "slave0:". master is empty while there is none, readers are the other members that
// may serve reads now, held is 1 while what only a master may take waits for one.
func huntawayLines(i *lines, s *session, _ *report) {
	proxyLines(i, s)
	table := s.pw.table
	i.number("heap_bytes:", heapBytes())
	i.text("read_policy:", s.pw.opt.ReadPolicy.String())
	for n := range table.Groups {
		g := &table.Groups[n]
		master, held := "", 0
		if server := table.Server(g.Master); server != nil {
			master = server.Addr
		}
		if g.Held {
			held = 1
		}
		i.text("group"+strconv.Itoa(n)+":", fmt.Sprintf("name=%s,master=%s,readers=%d,servers=%d,held=%d",
			g.Name, master, len(g.Readers), len(g.Servers), held))
	}
}

// portOf returns the port of an address, "0" for a unix socket.
func portOf(addr string) string {
	if _, port, err := net.SplitHostPort(addr); err == nil {
		return port
	}
	return "0"
}

func clientLines(i *lines, s *session, sum *report) {
	i.number("connected_clients:", s.pw.pool.clients.Load())
	i.number("cluster_connections:", 0)
	i.number("maxclients:", int64(s.pw.pool.mostClients()))
	i.number("pubsub_clients:", int64(sum.roll.clients))
	i.number("blocked_clients:", sum.counters.Blocked)
	i.number("tracking_clients:", 0)
}

// nothingOwn is for what only servers know. Sidekiq and BullMQ warn of every policy but
// noeviction: the servers must be asked, or nothing be said.
func nothingOwn(*lines, *session, *report) {}

// heapBytes is what the process's objects take.
func heapBytes() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}

// persistenceLines let ioredis wait while no master can be reached: it does while loading
// is 1.
func persistenceLines(i *lines, _ *session, sum *report) {
	loading := int64(0)
	if sum.masters.loading() {
		loading = 1
	}
	i.number("loading:", loading)
}

func statsLines(i *lines, s *session, sum *report) {
	c := &sum.counters
	i.number("total_connections_received:", int64(c.Accepted))
	i.number("total_commands_processed:", int64(c.Requests))
	i.number("instantaneous_ops_per_sec:", int64(sum.rates.requests))
	i.number("total_net_input_bytes:", int64(c.RequestBytes))
	i.number("total_net_output_bytes:", int64(c.ReplyBytes))
	i.text("instantaneous_input_kbps:", kilo(sum.rates.in))
	i.text("instantaneous_output_kbps:", kilo(sum.rates.out))
	i.number("rejected_connections:", int64(s.pw.pool.rejects.Load()))
	sum.roll.lines(i)
	i.number("total_error_replies:", int64(sum.errors.total))
}

func replicationLines(i *lines, _ *session, _ *report) {
	i.text("role:", "master")
	i.number("connected_slaves:", 0)
}

func cpuLines(i *lines, _ *session, _ *report) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return
	}
	i.text("used_cpu_sys:", seconds(u.Stime))
	i.text("used_cpu_user:", seconds(u.Utime))
}

// kilo prints bytes per second as Redis does.
func kilo(rate float64) string { return strconv.FormatFloat(rate/1024, 'f', 2, 64) }

// seconds prints a time with six digits behind the point.
func seconds(t unix.Timeval) string {
	return strconv.FormatFloat(float64(t.Nano())/1e9, 'f', 6, 64)
}

// commandLines are Redis' lines, whose fields exporters count by their place. usec is the time
// from a request's arrival to its reply, not what the server worked: a command that is
// answered here takes none.
func commandLines(i *lines, s *session, sum *report) {
	all := s.pw.opt.Commands.All()
	for id := range sum.commands {
		if c := &sum.commands[id]; c.Calls+c.Rejected > 0 {
			usec := c.Nanos / 1000
			each := float64(usec) / float64(max(c.Calls, 1))
			i.text("cmdstat_"+all[id].Name+":", fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
				c.Calls, usec, each, c.Rejected, c.Errors))
		}
	}
}

// errorLines tell how often which error was said to clients, the servers' and ours.
func errorLines(i *lines, _ *session, sum *report) {
	for _, code := range slices.Sorted(maps.Keys(sum.errors.byCode)) {
		i.text("errorstat_"+code+":", "count="+strconv.FormatUint(*sum.errors.byCode[code], 10))
	}
}

func clusterLines(i *lines, _ *session, _ *report) { i.number("cluster_enabled:", 0) }
