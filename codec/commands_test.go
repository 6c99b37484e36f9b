package codec

import (
	"fmt"
	"strings"
	"testing"
)

// mixed spells a name in alternating case.
func mixed(name string, from int) string {
	b := []byte(name)
	for i := range b {
		if i%2 == from && 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}

func TestLookupAnyCase(t *testing.T) {
	set := Default()
	for _, c := range set.All() {
		parent, sub, isSub := strings.Cut(c.Name, "|")
		for _, spell := range []func(string) string{
			strings.ToLower, strings.ToUpper,
			func(n string) string { return mixed(n, 0) }, func(n string) string { return mixed(n, 1) },
		} {
			got := set.Lookup([]byte(spell(parent)))
			if isSub {
				got = got.Sub([]byte(spell(sub)))
			}
			if got != c {
				t.Errorf("%s: got %v; want its own row", spell(c.Name), got)
			}
		}
	}
}

func TestLookupUnknown(t *testing.T) {
	set := Default()
	names := []string{"", "g", "ge", "gett", "get\x00", "\x00get", "get ", "GE\xd4", "g\xc5t", "object|encoding",
		"zremrangebyscorf", "arremrangebyscore", "georadiusbymember_rp", "`et", "[et", "@et", "json,get",
		"json\x0eget", "JSON.GETX", strings.Repeat("a", 9), strings.Repeat("z", 1<<16)}
	for _, name := range names {
		if got := set.Lookup([]byte(name)); got != nil {
			t.Errorf("%q: got %s; want nothing", name, got.Name)
		}
	}
}

// Every byte that differs in bit 5 alone looks alike to a careless comparison.
func TestLookupNeighbours(t *testing.T) {
	set := Default()
	for _, c := range set.All() {
		for i := range len(c.Name) {
			b := []byte(c.Name)
			b[i] ^= 0x20
			got := set.Lookup(b)
			if got != nil && !strings.EqualFold(got.Name, string(b)) {
				t.Errorf("%q: got %s", b, got.Name)
			}
		}
	}
}

func TestLower8(t *testing.T) {
	for c := range 256 {
		b := []byte{byte(c), 'A', byte(c), 'z', 0x80, byte(c), 0xff, byte(c)}
		got := fmt.Sprintf("%016x", lower8(load8(b)))
		want := append([]byte(nil), b...)
		for i, x := range want {
			if 'A' <= x && x <= 'Z' {
				want[i] = x + 32
			}
		}
		if w := fmt.Sprintf("%016x", load8(want)); got != w {
			t.Errorf("byte %#x: got %s; want %s", c, got, w)
		}
	}
}

func load8(b []byte) (w uint64) {
	for i, c := range b {
		w |= uint64(c) << (8 * i)
	}
	return w
}

func TestFind(t *testing.T) {
	tests := map[string]string{
		"GET k": "get", "Object Encoding k": "object|encoding", "object": "object", "object foo": "object",
		"command": "command", "COMMAND docs": "command|docs", "command nonsense": "command",
		"xgroup CREATE k g $": "xgroup|create", "SENTINEL masters": "sentinel",
	}
	for line, want := range tests {
		if got := Default().Find(requestOf(strings.Fields(line)...)); got == nil || got.Name != want {
			t.Errorf("%s: got %v; want %s", line, got, want)
		}
	}
	if got := Default().Find(requestOf("nope", "encoding")); got != nil {
		t.Errorf("got %s; want nothing", got.Name)
	}
}

func TestCheckArity(t *testing.T) {
	tests := []struct {
		name string
		n    int
		want bool
	}{
		{"get", 2, true}, {"get", 1, false}, {"get", 3, false}, {"mget", 1, false}, {"mget", 2, true},
		{"mget", 99, true}, {"ping", 1, true}, {"json.get", 1, true}, {"json.get", 7, true},
	}
	for _, tt := range tests {
		if got := Default().Lookup([]byte(tt.name)).CheckArity(tt.n); got != tt.want {
			t.Errorf("%s with %d arguments: got %t; want %t", tt.name, tt.n, got, tt.want)
		}
	}
}

func TestPolicies(t *testing.T) {
	tests := map[Policy]string{
		Forward:     "get set eval fcall xread xreadgroup sort rename msetnx msetex lmpop json.get vadd arset ft.sugget",
		Split:       "mget mset del unlink exists touch",
		Local:       "ping echo quit time select command client info role hello auth reset readonly readwrite config cluster sentinel module lolwut",
		Keyless:     "ft.search ts.mget",
		Transaction: "multi exec discard watch unwatch",
		Blocking:    "blpop brpop blmove brpoplpush blmpop bzpopmin bzpopmax bzmpop wait waitaof",
		PubSub:      "subscribe psubscribe ssubscribe publish spublish pubsub",
		ScriptAdmin: "script function",
		Scan:        "scan clusterscan",
		FanOut:      "dbsize keys randomkey flushdb flushall swapdb",
		Refused:     "monitor sync psync replicaof slaveof replconf shutdown debug save bgsave failover migrate himport hotkeys",
	}
	for want, names := range tests {
		for _, name := range strings.Fields(names) {
			if got := Default().Lookup([]byte(name)).Policy; got != want {
				t.Errorf("%s: got %s; want %s", name, got, want)
			}
		}
	}
	for p := range policies {
		if p.String() == "" {
			t.Errorf("policy %d has no name", p)
		}
	}
}

func TestAppendUnknownSub(t *testing.T) {
	server := startRedis(t)
	for _, line := range []string{"object foo k", "Client Nonsense", "xgroup xx"} {
		args := strings.Fields(line)
		want := "-" + string(server.ask(args...).(errorReply)) + CRLF
		if got := string(AppendUnknownSub(nil, requestOf(args...))); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
	}
	if got, want := string(AppendUnknownSub(nil, requestOf("xinfo", "a\r\nb"))), "-ERR unknown subcommand 'a  b'. Try XINFO HELP.\r\n"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}

// TestAppendUnknownAsRedis: Redis formats the name and the arguments as C strings, within
// 128 bytes for all arguments, and makes spaces of line ends only.
func TestAppendUnknownAsRedis(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"\x00a", "b"}, "-ERR unknown command '', with args beginning with: 'b' \r\n"},
		{[]string{"no", "a\x00b", "c\r\nd\te"}, "-ERR unknown command 'no', with args beginning with: 'a' 'c  d\te' \r\n"},
		{[]string{long, "ab", long, "c"}, "-ERR unknown command '" + long[:128] + "', with args beginning with: 'ab' '" + long[:123] + "' \r\n"},
	} {
		var r Request
		var scan Scanner
		if _, err := scan.Next(AppendCommand(nil, tc.args...), &r, &Limits{Args: 10, Bulk: 1000, Request: 10000}); err != nil {
			t.Fatal(err)
		}
		if got := string(AppendUnknown(nil, &r)); got != tc.want {
			t.Errorf("%.20q: got %q; want %q", tc.args, got, tc.want)
		}
	}
}
