package codec

import (
	"strconv"
	"strings"
	"testing"
)

// benchmarkReply scans one reply that is in the buffer from beginning to end.
func benchmarkReply(b *testing.B, reply string) {
	in := []byte(reply)
	var s ReplyScanner
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if n, done, err := s.Next(in); n != len(in) || !done || err != nil {
			b.Fatalf("got %d, %v, %v; want the whole reply", n, done, err)
		}
	}
}

func BenchmarkReplyBulk3(b *testing.B) { benchmarkReply(b, "$3\r\nabc\r\n") }
func BenchmarkReplyError(b *testing.B) {
	benchmarkReply(b, "-ERR unknown command 'x', with args beginning with: \r\n")
}
func BenchmarkReplyLine1M(b *testing.B) { benchmarkReply(b, "+"+strings.Repeat("x", 1<<20)+"\r\n") }
func BenchmarkReplyBulk1M(b *testing.B) {
	benchmarkReply(b, "$1048576\r\n"+strings.Repeat("x", 1<<20)+"\r\n")
}
func BenchmarkReplyArray100(b *testing.B) {
	benchmarkReply(b, "*100\r\n"+strings.Repeat("$3\r\nabc\r\n", 100))
}
func BenchmarkReplyPairs100(b *testing.B) {
	benchmarkReply(b, "*100\r\n"+strings.Repeat("*2\r\n$3\r\nabc\r\n:1\r\n", 100))
}

// BenchmarkReplyTiny is 64 KiB, which is what a link takes in one event, of the smallest elements
// of each kind: the most work that a server can make.
func BenchmarkReplyTiny(b *testing.B) {
	for _, tiny := range []string{"*1\r\n", "*2\r\n", "*0\r\n", "_\r\n", "-\r\n", "+\r\n", "#t\r\n", ":1\r\n", ":-1\r\n", "$0\r\n\r\n",
		"%0\r\n", "|0\r\n", "=0\r\n\r\n", ">1\r\n+\r\n", "\r"} {
		b.Run(strconv.Quote(tiny), func(b *testing.B) {
			in, begin := []byte(strings.Repeat(tiny, 64<<10/len(tiny))), []byte("*1000000000\r\n")
			if tiny == "\r" {
				begin = []byte("+")
			}
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			var s ReplyScanner
			for b.Loop() {
				s = ReplyScanner{RESP3: true, open: openCounts{far: s.open.far[:0]}}
				if _, _, err := s.Next(begin); err != nil {
					b.Fatal(err)
				}
				for rest := in; len(rest) > 0; {
					n, _, err := s.Next(rest)
					if err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
			}
		})
	}
}
