package codec

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// wide are limits that an ordinary test does not reach; tight are those of a stranger.
var (
	wide  = Limits{Args: 131072, Bulk: 64 << 20, Request: 128 << 20, Inline: 64 << 10}
	tight = Limits{Args: 10, Bulk: 16 << 10, Request: 64 << 10, Inline: 1 << 10, Strange: true}
)

// A scanned stream is what became of a stream: the requests in it, and the error that ended it.
type scanned struct {
	requests [][]string
	err      error
}

// scanChunks scans a stream that arrives in pieces of these sizes, the last one repeated;
// what is left of one stays in front of the next.
func scanChunks(stream []byte, lim *Limits, sizes ...int) (out scanned) {
	var s Scanner
	var r Request
	var kept []byte
	for i := 0; len(stream) > 0; i++ {
		n := min(max(sizes[min(i, len(sizes)-1)], 1), len(stream))
		kept = append(kept[:len(kept):len(kept)], stream[:n]...) // moves, as a slab may
		stream = stream[n:]
		for len(kept) > 0 {
			used, err := s.Next(kept, &r, lim)
			if err == ErrShort {
				break
			}
			if err != nil {
				out.err = err
				return out
			}
			out.requests = append(out.requests, words(&r))
			kept = kept[used:]
		}
	}
	return out
}

func words(r *Request) []string {
	args := make([]string, r.Len())
	for i := range args {
		args[i] = string(r.Arg(i))
	}
	return args
}

// String shows the beginning.
func (a scanned) String() string {
	return fmt.Sprintf("%.300s, %v", fmt.Sprintf("%q", a.requests), a.err)
}

func (a scanned) equal(b scanned) bool {
	if a.err != b.err || len(a.requests) != len(b.requests) {
		return false
	}
	for i := range a.requests {
		if strings.Join(a.requests[i], "\x00") != strings.Join(b.requests[i], "\x00") ||
			len(a.requests[i]) != len(b.requests[i]) {
			return false
		}
	}
	return true
}

// wantScan scans whole, cut at every byte and byte by byte.
func wantScan(t *testing.T, stream string, lim *Limits, want scanned) {
	t.Helper()
	for cut := range len(stream) {
		if got := scanChunks([]byte(stream), lim, cut, len(stream)); !got.equal(want) {
			t.Errorf("%.60q cut at %d: got %v; want %v", stream, cut, got, want)
			return
		}
	}
	if got := scanChunks([]byte(stream), lim, 1); !got.equal(want) {
		t.Errorf("%.60q byte by byte: got %v; want %v", stream, got, want)
	}
}

func TestScannerTakes(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want [][]string
	}{
		{"*1\r\n$4\r\nPING\r\n", [][]string{{"PING"}}},
		{"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", [][]string{{"GET", ""}}},
		{"*2\r\n$4\r\nECHO\r\n$4\r\n\r\n*1\r\n", [][]string{{"ECHO", "\r\n*1"}}},
		{"*0\r\n*-1\r\n*-10\r\n*1\r\n$1\r\nA\r\n", [][]string{{}, {}, {}, {"A"}}},
		{"*12\r\n" + strings.Repeat("$1\r\nx\r\n", 12), [][]string{strings.Split(strings.Repeat("x", 12), "")}},
		{"*1\r\n$10\r\n0123456789\r\n", [][]string{{"0123456789"}}},
		{"PING\r\n", [][]string{{"PING"}}},
		{"PING\n\r\n\n  \r\nGET  k\t\r\n", [][]string{{"PING"}, {}, {}, {}, {"GET", "k"}}},
		{`SET k "a\x41\n\"b\\"` + "\r\n", [][]string{{"SET", "k", "aA\n\"b\\"}}},
		{`SET 'a b' 'it\'s' "\xzz" ""` + "\r\n", [][]string{{"SET", "a b", "it's", "xzz", ""}}},
		{"GET a\r\n*1\r\n$4\r\nPING\r\nGET b\r\n", [][]string{{"GET", "a"}, {"PING"}, {"GET", "b"}}},
	} {
		wantScan(t, tc.in, &wide, scanned{requests: tc.want})
	}
}

// TestScannerRefuses is the list of bad input: what it is answered, and nothing of it, nor
// what stands behind it, is taken for a request.
func TestScannerRefuses(t *testing.T) {
	bulk := func(length string) string { return "*1\r\n$" + length + "\r\nxx\r\n" }
	for _, tc := range []struct {
		in   string
		want *SyntaxError
	}{
		{"*131073\r\n", errManyArgs}, {"*1048577\r\n", errArgCount}, {"*+1\r\n", errArgCount},
		{"* 1\r\n", errArgCount}, {"*1 \r\n", errArgCount}, {"*-0\r\n", errArgCount}, {"*01\r\n", errArgCount},
		{"*9223372036854775808\r\n", errArgCount}, {"*99999999999999999999\r\n", errArgCount},
		{"*\x00\r\n", errArgCount}, {"*1x\r\n", errArgCount}, {"*\r\n", errArgCount}, {"*1\rx", errArgCount},
		{"*--1\r\n", errArgCount}, {"*-\r\n", errArgCount}, {"*1\n", errArgCount},
		{"*" + strings.Repeat("1", 70) + "\r\n", errCountLine},
		{bulk("67108865"), errLongBulk}, {bulk("-1"), errBulkLength}, {bulk("2147483648"), errBulkLength},
		{bulk("4294967296"), errBulkLength}, {bulk("9223372036854775807"), errBulkLength},
		{bulk("18446744073709551618"), errBulkLength}, {bulk("+2"), errBulkLength}, {bulk("02"), errBulkLength},
		{bulk(" 2"), errBulkLength}, {bulk("-0"), errBulkLength}, {bulk(""), errBulkLength}, {bulk("2\x00"), errBulkLength},
		{bulk(strings.Repeat("2", 70)), errBulkLine},
		{"*1\r\n+PING\r\n", notBulk('+')}, {"*1\r\n*1\r\n$4\r\nPING\r\n", notBulk('*')}, {"*1\r\n:1\r\n", notBulk(':')},
		{"*1\r\n%1\r\n", notBulk('%')}, {"*1\r\n_\r\n", notBulk('_')}, {"*1\r\n\r\n", notBulk('\r')},
		{"*1\r\n$2\r\nxxyy", errNoCRLF}, {"*1\r\n$2\r\nxx\n\n", errNoCRLF}, {"*1\r\n$2\r\nxxx\r\n", errNoCRLF},
		{"*1\r\n$2\r\nxx\r\r", errNoCRLF},
		{strings.Repeat("a", 64<<10+1), errLongInline},
		{"SET \"a\r\n", errQuotes}, {"SET 'a\r\n", errQuotes}, {"SET \"a\"b\r\n", errQuotes}, {"SET \\x4\"\r\n", errQuotes},
		{`"x\x41` + "\r\n", errQuotes}, {"GET \x00\r\n", errInlineNUL},
		{"POST / HTTP/1.1\r\n", errOtherProtocol}, {"Host: a\r\n", errOtherProtocol}, {"GET / HTTP/1.1\r\n", errOtherProtocol},
		{"SSH-2.0-x\r\n", errOtherProtocol}, {"EHLO x\r\n", errOtherProtocol}, {"PROXY TCP4 1.1.1.1\r\n", errOtherProtocol},
		{"\x16\x03\x01\x00", errOtherProtocol},
	} {
		if len(tc.in) > 1000 { // as it is, and in two pieces: the rest would take too long
			for _, size := range []int{len(tc.in), 40_000} {
				if got := scanChunks([]byte(tc.in), &wide, size); got.err != tc.want {
					t.Errorf("%.40q: got %v; want %v", tc.in, got.err, tc.want)
				}
			}
			continue
		}
		wantScan(t, tc.in+"*1\r\n$4\r\nEVIL\r\n", &wide, scanned{err: tc.want})
	}
}

func TestScannerLimitsStrangers(t *testing.T) {
	wantScan(t, "*11\r\n", &tight, scanned{err: errUnauthArgs})
	wantScan(t, "*1\r\n$16385\r\n", &tight, scanned{err: errUnauthBulk})
	wantScan(t, "*2\r\n$4\r\nAUTH\r\n$3\r\npwd\r\n", &tight, scanned{requests: [][]string{{"AUTH", "pwd"}}})
	long := "*10\r\n" + strings.Repeat("$10000\r\n"+strings.Repeat("x", 10000)+"\r\n", 10)
	for _, size := range []int{len(long), 1000} {
		if got := scanChunks([]byte(long), &tight, size); got.err != errLongRequest || got.requests != nil {
			t.Errorf("in pieces of %d: got %v, %d requests; want %v", size, got.err, len(got.requests), errLongRequest)
		}
	}
	quiet := tight
	quiet.Inline = 0
	if got := scanChunks([]byte("PING\r\n"), &quiet, 10); got.err != errLongInline {
		t.Errorf("inline with a limit of 0: got %v; want %v", got.err, errLongInline)
	}
}

// TestScannerFrame: the frame of a request is what a server takes for the same one.
func TestScannerFrame(t *testing.T) {
	for _, in := range []string{"SET k 'a b'\r\n", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\n"} {
		var s Scanner
		var r Request
		n, err := s.Next([]byte(in+"rest"), &r, &wide)
		if n != len(in) || err != nil || string(r.Frame) != "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\n" || !s.Idle() {
			t.Errorf("%q: got %d, %v, frame %q; want %d and the multi-bulk", in, n, err, r.Frame, len(in))
		}
	}
}

// FuzzScanner: any chunking gives the same, and so does a slow obvious parser; what is
// taken can be written and read again; nothing is allocated for what was only announced.
func FuzzScanner(f *testing.F) {
	for _, in := range []string{"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", "*1\r\n$4\r\nPINGxx", "*131072\r\n$67108864\r\n", "PING\r\n*1\r\n$4\r\nPING\r\n",
		"SET k \"a\\x4\"\r\n", "*1\r\n$18446744073709551617\r\n", "*-1\r\n*0\r\n", "*2\r\n$1\r\na\r\n*1\r\n", "GET / HTTP/1.1\r\n"} {
		f.Add([]byte(in), uint64(1))
	}
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		want := obviousScan(stream, &wide)
		if got := scanChunks(stream, &wide, len(stream)); !got.equal(want) {
			t.Fatalf("got %v; the obvious parser says %v", got, want)
		}
		if got := scanChunks(stream, &wide, randomSizes(seed, len(stream))...); !got.equal(want) {
			t.Fatalf("in pieces: got %v; want %v", got, want)
		}
		for _, args := range want.requests {
			if len(args) == 0 {
				continue
			}
			frame := AppendCommand(nil, args...)
			if again := scanChunks(frame, &wide, len(frame)); !again.equal(scanned{requests: [][]string{args}}) {
				t.Fatalf("%.100q written and read again: got %v", args, again)
			}
		}
		wantLittle(t, len(stream), func() {
			var s Scanner
			var r Request
			_, _ = s.Next(stream, &r, &wide)
			if got, most := 8*cap(r.spans)+cap(r.own), 32*len(stream)+16<<10; got > most {
				t.Fatalf("keeps %d bytes for %d; want at most %d", got, len(stream), most)
			}
		})
	})
}

// wantLittle runs f, which may allocate a small multiple of n bytes.
func wantLittle(t *testing.T, n int, f func()) {
	if allocs := testing.AllocsPerRun(1, f); allocs > float64(64+n) {
		t.Fatalf("%v allocations for %d bytes", allocs, n)
	}
}

// randomSizes draws the sizes of pieces, most of them small.
func randomSizes(seed uint64, total int) (sizes []int) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for sum := 0; sum <= total; {
		n := 1 + rnd.IntN(1<<rnd.IntN(8))
		sizes = append(sizes, n)
		sum += n
	}
	return sizes
}

// obviousScan reads a whole stream the slow way: it knows all bytes from the beginning, and
// takes them apart as strings.
func obviousScan(stream []byte, lim *Limits) (out scanned) {
	rest := string(stream)
	for rest != "" {
		args, n, err := obviousRequest(rest, lim)
		if err == ErrShort {
			return out
		}
		if err != nil {
			out.err = err
			return out
		}
		out.requests = append(out.requests, args)
		rest = rest[n:]
	}
	return out
}

func obviousRequest(in string, lim *Limits) (args []string, n int, err error) {
	if in[0] != '*' {
		return obviousInline(in, lim)
	}
	count, at, err := obviousNumber(in, 1, errCountLine, errArgCount)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case count > max(int64(lim.Args), redisArgs):
		return nil, 0, errArgCount
	case count > int64(lim.Args):
		return nil, 0, errManyArgs
	}
	for range max(count, 0) {
		var arg string
		if arg, at, err = obviousBulk(in, at, lim); err != nil {
			return nil, 0, err
		}
		args = append(args, arg)
	}
	return args, at, nil
}

func obviousBulk(in string, at int, lim *Limits) (arg string, next int, err error) {
	if at == len(in) {
		return "", 0, ErrShort
	}
	if in[at] != '$' {
		return "", 0, notBulk(in[at])
	}
	size, from, err := obviousNumber(in, at+1, errBulkLine, errBulkLength)
	switch {
	case err != nil:
		return "", 0, err
	case size < 0 || size > max(int64(lim.Bulk), redisBulk):
		return "", 0, errBulkLength
	case size > int64(lim.Bulk):
		return "", 0, errLongBulk
	case from+int(size)+2 > lim.Request:
		return "", 0, errLongRequest
	case from+int(size)+2 > len(in):
		return "", 0, ErrShort
	case in[from+int(size):from+int(size)+2] != "\r\n":
		return "", 0, errNoCRLF
	}
	return in[from : from+int(size)], from + int(size) + 2, nil
}

// obviousNumber reads a canonical decimal and CRLF. A line that cannot become one any more
// is wrong before it ends.
func obviousNumber(in string, at int, tooLong, wrong *SyntaxError) (n int64, next int, err error) {
	line := in[at:]
	end := strings.IndexByte(line, '\r')
	if end < 0 && len(line) >= maxLine || end >= maxLine {
		if strings.Trim(strings.TrimPrefix(line[:maxLine], "-"), "0123456789") != "" {
			return 0, 0, wrong
		}
		return 0, 0, tooLong
	}
	if end < 0 || end+1 == len(line) {
		if strings.Trim(strings.TrimPrefix(strings.TrimSuffix(line, "\r"), "-"), "0123456789") != "" {
			return 0, 0, wrong
		}
		return 0, 0, ErrShort
	}
	digits := strings.TrimPrefix(line[:end], "-")
	canonical := digits != "" && strings.Trim(digits, "0123456789") == "" && len(digits) <= maxDigits &&
		(digits[0] != '0' || line[:end] == "0")
	if line[end+1] != '\n' || !canonical {
		return 0, 0, wrong
	}
	for _, d := range digits {
		n = n*10 + int64(d-'0')
	}
	if digits != line[:end] {
		n = -n
	}
	return n, at + end + 2, nil
}

func obviousInline(in string, lim *Limits) (args []string, n int, err error) {
	if in[0] == 0x16 || otherProtocol([]byte(in)) {
		return nil, 0, errOtherProtocol
	}
	line, _, whole := strings.Cut(in, "\n")
	switch {
	case len(line) > lim.Inline:
		return nil, 0, errLongInline
	case !whole:
		return nil, 0, ErrShort
	}
	args, err = obviousWords(strings.TrimSuffix(line, "\r"))
	return args, len(line) + 1, err
}

// obviousWords splits an inline line with one pass over its bytes and one state.
func obviousWords(line string) (args []string, err error) {
	if httpRequest([]byte(line)) {
		return nil, errOtherProtocol
	}
	if strings.Contains(line, "\x00") {
		return nil, errInlineNUL
	}
	const blanks, enders = " \t\v\f\r\n", " \t\r\n"
	for {
		line = strings.TrimLeft(line, blanks)
		if line == "" {
			return args, nil
		}
		end := strings.IndexAny(line, enders+`"'`)
		switch {
		case end < 0:
			return append(args, line), nil
		case strings.IndexByte(enders, line[end]) >= 0:
			args, line = append(args, line[:end]), line[end:]
			continue
		}
		word, rest, ok := obviousQuoted(line[end+1:], line[end])
		if !ok || rest != "" && strings.IndexByte(blanks, rest[0]) < 0 {
			return nil, errQuotes
		}
		args, line = append(args, line[:end]+word), rest
	}
}

// obviousQuoted resolves escapes up to the closing quote.
func obviousQuoted(in string, quote byte) (word, rest string, ok bool) {
	var out bytes.Buffer
	const digits = "0123456789abcdef"
	for i := 0; i < len(in); i++ {
		switch {
		case in[i] == quote:
			return out.String(), in[i+1:], true
		case in[i] != '\\' || i+1 == len(in):
			out.WriteByte(in[i])
		case quote == '\'' && in[i+1] != '\'':
			out.WriteByte('\\')
		case quote == '"' && in[i+1] == 'x' && i+3 < len(in) && isHex(in[i+2]) && isHex(in[i+3]):
			pair := strings.ToLower(in[i+2 : i+4])
			out.WriteByte(byte(strings.IndexByte(digits, pair[0])<<4 | strings.IndexByte(digits, pair[1])))
			i += 3
		default:
			i++
			if at := strings.IndexByte("nrtba", in[i]); at >= 0 && quote == '"' {
				out.WriteByte("\n\r\t\b\a"[at])
			} else {
				out.WriteByte(in[i])
			}
		}
	}
	return "", "", false
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// FuzzInline is FuzzScanner for one line, which the fuzzer would seldom leave whole there.
func FuzzInline(f *testing.F) {
	for _, in := range []string{"SET k v", `SET k "a\x41"`, `SET 'it\'s' x`, `"x\x4"`, `a"b"`, "a\x00", "  ", `"\`, `'\`} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i]
		}
		stream := append(bytes.TrimLeft(line, "*"), '\n')
		want := obviousScan(stream, &wide)
		for _, size := range []int{len(stream), 1} {
			if got := scanChunks(stream, &wide, size); !got.equal(want) {
				t.Fatalf("in pieces of %d: got %v; the obvious parser says %v", size, got, want)
			}
		}
	})
}

func TestSyntaxErrorsAreOurs(t *testing.T) {
	var e *SyntaxError
	if !errors.As(error(errArgCount), &e) || !strings.HasPrefix(e.Text, "Protocol error: ") {
		t.Errorf("got %v; want Redis's text", e)
	}
}
