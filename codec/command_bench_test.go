package codec

import (
	"strings"
	"testing"
)

func BenchmarkLookup(b *testing.B) {
	for _, name := range []string{"get", "SET", "mget", "HGETALL", "ZREMRANGEBYSCORE", "nosuch"} {
		b.Run(name, func(b *testing.B) {
			set, key := Default(), []byte(name)
			b.ReportAllocs()
			for b.Loop() {
				set.Lookup(key)
			}
		})
	}
}

// BenchmarkRoute is what the data path asks of the table for one request.
func BenchmarkRoute(b *testing.B) {
	for _, line := range []string{
		"GET key:000000000001", "SET key:000000000001 v", "OBJECT ENCODING k", "EVALSHA s 2 a b c",
		"MGET" + strings.Repeat(" key:000000000001", 32), "XREAD COUNT 9 STREAMS a b 0 0",
	} {
		b.Run(strings.Fields(line)[0], func(b *testing.B) {
			set, r := Default(), requestOf(strings.Fields(line)...)
			dst := make([]int32, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				c := set.Find(r)
				if !c.CheckArity(r.Len()) || c.IsRead() && c.Blocks(r) {
					b.Fatal("refused")
				}
				if c.Policy == Forward && c.Last == c.First && c.First != 0 {
					c.FirstKey(r)
					continue
				}
				dst, _ = c.Keys(r, dst[:0])
			}
		})
	}
}

func BenchmarkAppendReply(b *testing.B) {
	set, r := Default(), requestOf("COMMAND")
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = set.AppendReply(dst[:0], r, 2)
	}
	b.SetBytes(int64(len(dst)))
}

// BenchmarkCompile is a table from its rows to the last answer, at the start and for each
// new table that is learnt.
func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compile(families)
	}
}
