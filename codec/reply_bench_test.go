package codec

import (
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
