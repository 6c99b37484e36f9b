package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
)

// A token is unique among all requests of all runs. Its fields are in the text, so that a
// crossed reply tells whose it was.
type token struct {
	run    uint64 // drawn by the run
	client int
	conn   int // the client's connections are numbered
	seq    int // the client's requests are numbered
	random uint64
}

// String is what stands in the request.
func (t token) String() string {
	return fmt.Sprintf("tok.%016x.%d.%d.%d.%016x.kot", t.run, t.client, t.conn, t.seq, t.random)
}

// tokens finds tokens wherever they stand, whoever made them.
var tokens = regexp.MustCompile(`tok\.[0-9a-f]{16}\.\d+\.\d+\.\d+\.[0-9a-f]{16}\.kot|val\.[0-9a-f]{16}\.`)

// A value is what SET writes: its header repeated until it has the wanted length, so that
// any piece of it tells where it belongs.
type value struct {
	run    uint64
	client int
	key    int
	seq    int // of the request that wrote it
	length int // bytes of the whole value
}

func (v value) header() string {
	return fmt.Sprintf("val.%016x.%d.%d.%d.%d.lav", v.run, v.client, v.key, v.seq, v.length)
}

// appendTo appends the value to b: its header at least once.
func (v value) appendTo(b []byte) []byte {
	header := v.header()
	end := len(b) + max(v.length, len(header))
	for len(b) < end {
		b = append(b, header[:min(len(header), end-len(b))]...)
	}
	return b
}

// values takes the header of a value apart.
var values = regexp.MustCompile(`^val\.([0-9a-f]{16})\.(\d+)\.(\d+)\.(\d+)\.(\d+)\.lav`)

// parseValue is the inverse of appendTo; it refuses text that differs in any byte.
func parseValue(text []byte) (value, bool) {
	parts := values.FindSubmatch(text)
	if parts == nil {
		return value{}, false
	}
	run, err := strconv.ParseUint(string(parts[1]), 16, 64)
	v := value{run: run, client: number(parts[2]), key: number(parts[3]), seq: number(parts[4]), length: number(parts[5])}
	return v, err == nil && v.length <= len(text) && bytes.Equal(v.appendTo(nil), text)
}

// number reads digits that a regular expression has found.
func number(digits []byte) int {
	n, _ := strconv.Atoi(string(digits))
	return n
}
