package codec

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

// lengthsOf scans replies that arrive in pieces and returns how long each is, the bytes of
// the unfinished one, and the error that ended the stream.
func lengthsOf(stream []byte, resp3 Welcome, sizes ...int) (lengths []int, rest int, err error) {
	s := ReplyScanner{RESP3: bool(resp3)}
	for i := 0; len(stream) > 0; i++ {
		n := min(max(sizes[min(i, len(sizes)-1)], 1), len(stream))
		piece := stream[:n:n]
		stream = stream[n:]
		for len(piece) > 0 {
			used, done, err := s.Next(piece)
			if err != nil {
				return lengths, 0, err
			}
			rest += used
			piece = piece[used:]
			if done {
				lengths, rest = append(lengths, rest), 0
			}
			if done != s.Fresh() {
				return lengths, -1, nil // no test wants this
			}
		}
	}
	return lengths, rest, nil
}

// Welcome tells whether RESP3's types are.
type Welcome bool

func TestReplyScannerTakes(t *testing.T) {
	for _, tc := range []struct {
		in    string
		resp3 Welcome
	}{
		{"+OK\r\n", false}, {"-ERR no\r\n", false}, {":1\r\n", false}, {":-9223372036854775808\r\n", false}, {":+5\r\n", false},
		{"$0\r\n\r\n", false}, {"$5\r\na\r\nbc\r\n", false}, {"$-1\r\n", false}, {"*-1\r\n", false}, {"*0\r\n", false},
		{"$10\r\n0123456789\r\n", false}, {"+\r\n", false}, {"+" + strings.Repeat("x", 100) + "\r\n", false},
		{"*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n*0\r\n", false},
		{strings.Repeat("*1\r\n", nearDepth+2) + ":1\r\n", false},
		{strings.Repeat("*2\r\n:1\r\n", nearDepth+2) + ":1\r\n", false},
		{"*2\r\n*2\r\n*1\r\n:1\r\n:2\r\n*2\r\n*0\r\n:3\r\n", false},
		{"+a\rb\r\n", false}, {"-ERR a\r\rb\r\r\n", false}, {"+\r\r\n", false}, {"+a\nb\r\n", false}, {"*2\r\n-a\r*\r\n+\r\r\n", false},
		{"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", true}, {"~1\r\n#t\r\n", true}, {"_\r\n", true}, {",1.5\r\n", true},
		{"(12345678901234567890123\r\n", true}, {"!5\r\nERR x\r\n", true}, {"=7\r\ntxt:abc\r\n", true},
		{">2\r\n+message\r\n+x\r\n", true}, {"|1\r\n+ttl\r\n:5\r\n:1\r\n", true}, {"%0\r\n", true},
	} {
		for cut := range len(tc.in) {
			lengths, rest, err := lengthsOf([]byte(tc.in+tc.in), tc.resp3, cut, 2*len(tc.in))
			if err != nil || rest != 0 || len(lengths) != 2 || lengths[0] != len(tc.in) {
				t.Errorf("%.40q twice, cut at %d: got %v, %d more, %v; want %d twice", tc.in, cut, lengths, rest, err, len(tc.in))
			}
		}
	}
}

func TestReplyScannerRefuses(t *testing.T) {
	for _, tc := range []struct {
		in    string
		want  *SyntaxError
		resp3 Welcome
	}{
		{"hello\r\n", errReplyType, false}, {"\x00", errReplyType, true}, {"\r\n", errReplyType, false},
		{"%1\r\n", errReplyType, false}, {">1\r\n", errReplyType, false}, {"_\r\n", errReplyType, false}, {"#t\r\n", errReplyType, false},
		{"*1234567890123456789\r\n", errReplyLength, false}, {"%1234567890123456789\r\n", errReplyLength, true},
		{"$1234567890123456789\r\n", errReplyLength, false}, {"$-2\r\n", errReplyLength, false}, {"*-2\r\n", errReplyLength, false},
		{"$+1\r\n", errReplyLength, false}, {"$\r\n", errReplyLength, false}, {"$1x\r\n", errReplyLength, false}, {":1x\r\n", errReplyLength, false},
		{":++5\r\n", errReplyLength, false}, {":+-5\r\n", errReplyLength, false}, {":-+5\r\n", errReplyLength, false}, {"*--1\r\n", errReplyLength, false},
		{":\r\n", errReplyLength, false}, {"%-1\r\n", errReplyLength, true}, {"$99999999999999999999\r\n", errReplyLength, false},
		{"$3\r\nabcde", errReplyCRLF, false}, {"$3\r\nabc\n\r", errReplyCRLF, false}, {":1\rb", errReplyCRLF, false}, {"*1\rx", errReplyCRLF, false},
	} {
		sizes := []int{len(tc.in), 1, 7}
		for _, size := range sizes {
			if lengths, _, err := lengthsOf([]byte(tc.in), tc.resp3, size); err != tc.want || lengths != nil {
				t.Errorf("%.40q in pieces of %d: got %v, %v; want %v", tc.in, size, lengths, err, tc.want)
			}
		}
	}
}

// TestReplyScannerHasNoLimits: what servers can say is as long and as deep as they like.
func TestReplyScannerHasNoLimits(t *testing.T) {
	for name, in := range map[string]string{
		"line": "+" + strings.Repeat("x", 1<<20) + "\r\n", "line of CR": "-" + strings.Repeat("\r", 1<<20) + "\r\n",
		"chain": strings.Repeat("*1\r\n", mostDepth+1) + "*0\r\n", "tree": strings.Repeat("*2\r\n:1\r\n", mostDepth/8) + ":1\r\n",
		"comb":      strings.Repeat("*2\r\n", mostDepth/8) + ":1\r\n" + strings.Repeat(":1\r\n", mostDepth/8),
		"big count": "*600000\r\n" + strings.Repeat("+\r\n", 600_000),
	} {
		for _, size := range []int{len(in), 509, 64 << 10} {
			lengths, rest, err := lengthsOf([]byte(in+in), false, size)
			if err != nil || rest != 0 || len(lengths) != 2 || lengths[0] != len(in) {
				t.Errorf("%s in pieces of %d: got %v, %d more, %v; want %d twice", name, size, lengths, rest, err, len(in))
			}
		}
	}
	for _, announced := range []string{"$123456789012345678\r\n", "*123456789012345678\r\n:1\r\n", "*4294967295\r\n"} {
		if lengths, rest, err := lengthsOf([]byte(announced), false, len(announced)); err != nil || lengths != nil || rest != len(announced) {
			t.Errorf("%q: got %v, %d more, %v; want all of it, and no end", announced, lengths, rest, err)
		}
	}
}

// TestReplyScannerBoundsMemory: a server gone mad is refused at a depth that no server has,
// and what a deep reply has needed is given back.
func TestReplyScannerBoundsMemory(t *testing.T) {
	mad := []byte(strings.Repeat("*2\r\n", mostDepth+2))
	var s ReplyScanner
	if n, done, err := s.Next(mad); err != errReplyDepth || done || n < 4*mostDepth {
		t.Errorf("got %d bytes, %v, %v; want %v at level %d", n, done, err, errReplyDepth, mostDepth)
	}
	if s.Reset(); cap(s.open.far) > 0 {
		t.Errorf("the scanner keeps room for %d levels behind it; want none", cap(s.open.far))
	}
	deep := []byte(strings.Repeat("*2\r\n", nearDepth+100) + strings.Repeat(":1\r\n", nearDepth+101))
	once := func() {
		if _, done, err := s.Next(deep); !done || err != nil {
			t.Errorf("got %v, %v; want the end", done, err)
		}
	}
	if once(); leastAllocs(once) > 0 {
		t.Error("deep replies allocate each time; want the room kept")
	}
}

func TestErrorCode(t *testing.T) {
	for in, want := range map[string]string{"-ERR no\r\n": "ERR", "-MOVED 1 a:1\r\n": "MOVED", "-OOM\r\n": "OOM", "-\r\n": "", "+OK\r\n": "", "": "", "-ERR": "ERR"} {
		if got := string(ErrorCode([]byte(in))); got != want {
			t.Errorf("%q: got %q; want %q", in, got, want)
		}
	}
}

// FuzzReplyScanner: any chunking gives the same, and so does a slow obvious parser that
// sees everything at once.
func FuzzReplyScanner(f *testing.F) {
	for _, in := range []string{"+OK\r\n:1\r\n", "*2\r\n$3\r\nabc\r\n$-1\r\n", "%1\r\n+a\r\n_\r\n", "|1\r\n+a\r\n:1\r\n$1\r\nx\r\n", "*1\r\n*1\r\n", "$3\r\nabcd\r\n",
		"$0\r\n\r\n", "$05\r\nhello\r\n", ":-1\r\n", "=3\r\nabc\r\n", "*268435457\r\n"} {
		f.Add([]byte(in), uint64(1), true)
		f.Add([]byte(in), uint64(2), false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64, resp3 bool) {
		want, wrong := obviousReplies(stream, resp3)
		for _, sizes := range [][]int{{len(stream)}, {1}, randomSizes(seed, len(stream))} {
			got, rest, err := lengthsOf(stream, Welcome(resp3), sizes...)
			if rest < 0 || (err != nil) != wrong || len(got) != len(want) {
				t.Fatalf("got %v, %d more, %v; the obvious parser says %v, wrong: %v", got, rest, err, want, wrong)
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("got %v; the obvious parser says %v", got, want)
				}
			}
		}
		if allocs := leastAllocs(func() { scanOnce(stream, resp3) }); allocs > 0 && bytes.Count(stream, []byte(CRLF)) < nearDepth {
			t.Fatalf("got %v allocations; want 0", allocs)
		}
	})
}

// leastAllocs counts what f allocates. The fuzzer's own goroutines allocate now and then, so
// one clean run out of ten is proof.
func leastAllocs(f func()) float64 {
	least := testing.AllocsPerRun(1, f)
	for range 9 {
		least = min(least, testing.AllocsPerRun(1, f))
	}
	return least
}

func scanOnce(stream []byte, resp3 bool) {
	s := ReplyScanner{RESP3: resp3}
	_, _, _ = s.Next(stream)
}

// obviousReplies returns the lengths of the complete replies, and whether the stream is wrong
// behind them.
func obviousReplies(stream []byte, resp3 bool) (lengths []int, wrong bool) {
	for len(stream) > 0 {
		n, wrong := obviousReply(stream, resp3)
		if wrong {
			return lengths, true
		}
		if n == 0 {
			break
		}
		lengths = append(lengths, n)
		stream = stream[n:]
	}
	return lengths, false
}

// obviousReply returns the length of the element at the beginning of b, 0 when it is not
// complete.
func obviousReply(b []byte, resp3 bool) (n int, wrong bool) {
	if len(b) == 0 {
		return 0, false
	}
	types, numbers := "+-:$*", ":$*"
	if resp3 {
		types, numbers = types+"%~>|=!_#,(", numbers+"%~>|=!"
	}
	if strings.IndexByte(types, b[0]) < 0 {
		return 0, true
	}
	counted := strings.IndexByte(numbers, b[0]) >= 0
	end := bytes.IndexByte(b, '\r')
	if !counted {
		end = bytes.Index(b, []byte(CRLF))
	}
	line := b[1:]
	if end > 0 {
		line = b[1:end]
	}
	switch {
	case counted && !couldBeNumber(string(line), b[0] == ':', end > 0):
		return 0, true
	case end < 0 || end+1 == len(b):
		return 0, false
	case b[end+1] != '\n':
		return 0, true
	case !counted || b[0] == ':':
		return end + 2, false
	}
	return obviousPayload(b, end+2, string(line), func(rest []byte) (int, bool) { return obviousReply(rest, resp3) })
}

// couldBeNumber reports whether text is a number, or the beginning of one.
func couldBeNumber(text string, integer, complete bool) bool {
	digits := strings.TrimPrefix(text, "-")
	if integer && digits == text {
		digits = strings.TrimPrefix(text, "+")
	}
	most := maxDigits
	if integer {
		most = 20
	}
	return strings.Trim(digits, "0123456789") == "" && len(digits) <= most && (digits != "" || !complete)
}

// obviousPayload returns the length of the element whose payload begins at.
func obviousPayload(b []byte, at int, line string, inner func([]byte) (int, bool)) (n int, wrong bool) {
	size, err := strconv.Atoi(line)
	if err != nil {
		return 0, true
	}
	negative := line[0] == '-'
	if strings.IndexByte("$=!", b[0]) >= 0 {
		switch end := at + size; {
		case negative:
			return at, size != -1 || b[0] != '$'
		case end < len(b) && b[end] != '\r', end+1 < len(b) && b[end+1] != '\n':
			return 0, true
		case end+2 > len(b):
			return 0, false
		default:
			return end + 2, false
		}
	}
	switch b[0] {
	case '%':
		size *= 2
	case '|':
		size = 2*size + 1
	}
	switch {
	case negative:
		return at, size != -1 || b[0] != '*'
	}
	for range size {
		n, wrong := inner(b[at:])
		if n == 0 || wrong {
			return 0, wrong
		}
		at += n
	}
	return at, false
}

func TestReplyScannerBoundsWhatIsAnnounced(t *testing.T) {
	for _, tc := range []struct {
		in   string
		most int64
		well bool
	}{
		{"$100\r\n", 100, true}, {"$101\r\n", 100, false}, {"$999999999999999999\r\n", 100, false}, {"$999999999999999999\r\n", 0, true},
		{"*6\r\n", 100, true}, {"*7\r\n", 100, false}, {"*999999999999999999\r\n", 100, false}, {"*999999999999999999\r\n", 0, true},
		{"%3\r\n", 100, true}, {"%4\r\n", 100, false}, {"~7\r\n", 100, false}, {">7\r\n", 100, false}, {"|4\r\n", 100, false},
		{"*2\r\n*2\r\n*2\r\n", 96, true}, {"*2\r\n*2\r\n*2\r\n*1\r\n", 96, false},
		{"*2\r\n$60\r\n" + strings.Repeat("a", 60) + "\r\n$8\r\n", 100, true},
		{"*2\r\n$60\r\n" + strings.Repeat("a", 60) + "\r\n$100\r\n", 100, false},
		{"*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n*5\r\n", 100, true}, // a new reply, a new count
		{"=101\r\n", 100, false}, {"!101\r\n", 100, false}, {":999999\r\n", 100, true},
	} {
		s := ReplyScanner{RESP3: true, Most: tc.most}
		var err error
		for rest := []byte(tc.in); len(rest) > 0 && err == nil; {
			var n int
			n, _, err = s.Next(rest[:1])
			rest = rest[n:]
		}
		if (err == nil) != tc.well {
			t.Errorf("%.40q of at most %d: got %v, want it taken: %v", tc.in, tc.most, err, tc.well)
		}
	}
}
