package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

func bulk(text string) reply { return reply{kind: '$', text: []byte(text)} }
func fail(text string) reply { return reply{kind: '-', text: []byte(text)} }

func TestCheck(t *testing.T) {
	s := script{run: 7, client: 1, seq: 20}
	tok, other := token{7, 1, 1, 5, 9}.String(), token{7, 2, 1, 5, 9}.String()
	mine := func(key, seq, length int) string { return string(value{7, 1, key, seq, length}.appendTo(nil)) }
	theirs := string(value{7, 2, 3, 5, 0}.appendTo(nil))
	null := reply{kind: '$', null: true}
	array := func(items ...reply) reply { return reply{kind: '*', items: items} }
	for _, tc := range []struct {
		verb verb
		got  reply
		want class
	}{
		{echo, bulk(tok), served},
		{echo, bulk(other), crossed},
		{echo, bulk(mine(3, 5, 0)), crossed},
		{echo, bulk("else"), malformed},
		{echo, null, malformed},
		{echo, fail("ERR huntaway: lost"), excused},
		{echo, fail("ERR huntaway: lost " + other), crossed},
		{echo, fail("ERR else"), unexcused},
		{echo, fail("LOADING Redis is loading"), excused},
		{eval, bulk(tok), served},
		{eval, bulk(other), crossed},
		{evalErr, fail("TOKEN " + tok), served},
		{evalErr, fail("TOKEN " + other), crossed},
		{set, reply{kind: '+', text: []byte("OK")}, served},
		{set, bulk("OK"), malformed},
		{set, bulk(mine(3, 5, 0)), crossed},
		{get, bulk(mine(3, 5, 0)), served},
		{get, bulk(mine(3, 5, 5000)), served},
		{get, bulk(mine(3, 5, 5000) + "x"), crossed},
		{get, bulk(mine(3, 21, 0)), crossed}, // not yet written
		{get, bulk(mine(4, 5, 0)), crossed},
		{get, bulk(theirs), crossed},
		{get, null, served},
		{get, reply{kind: '+', text: []byte("OK")}, malformed},
		{mget, array(bulk(mine(3, 5, 0)), null), served},
		{mget, array(null, bulk(mine(3, 5, 0))), crossed},
		{mget, array(null), malformed},
		{mget, array(null, null, bulk(mine(3, 5, 0))), crossed},
		{wrong, fail("WRONGTYPE Operation"), served},
		{wrong, null, served},
		{wrong, bulk(mine(3, 5, 0)), crossed},
		{unknown, fail("ERR unknown command 'NOSUCH." + tok + "'"), served},
		{unknown, fail("ERR unknown command 'NOSUCH." + other + "'"), crossed},
		{unknown, fail("ERR unknown command"), unexcused},
	} {
		r := request{verb: tc.verb, tok: tok, keys: []int{3}}
		if tc.verb == mget {
			r.keys = append(r.keys, 4)
		}
		if got := s.check(r, tc.got, regexp.MustCompile(`^ERR huntaway: `)); got != tc.want {
			t.Errorf("check(%s, %v) = %v; want %v", tc.verb, tc.got, got, tc.want)
		}
	}
}

func TestValueIsItsOwnInverse(t *testing.T) {
	for _, length := range []int{0, 1, 60, 100, 70000} {
		v := value{run: 1 << 63, client: 63, key: 15, seq: 123456, length: length}
		text := v.appendTo(nil)
		if got, ok := parseValue(text); !ok || got != v || len(text) < length {
			t.Errorf("parseValue of %d bytes = %+v, %v; want %+v, true", len(text), got, ok, v)
		}
		text[len(text)-1] ^= 1
		if got, ok := parseValue(text); ok {
			t.Errorf("parseValue accepts %d bytes with a wrong one at the end as %+v", len(text), got)
		}
	}
}

func TestReadReply(t *testing.T) {
	for _, tc := range []struct {
		in, want string
		err      error
	}{
		{in: "+OK\r\n", want: `+ "OK"`},
		{in: "$0\r\n\r\n", want: `$ ""`},
		{in: "$-1\r\n", want: `$ nil`},
		{in: "*2\r\n$1\r\na\r\n:3\r\n", want: `* [$ "a" : "3"]`},
		{in: "*-1\r\n", want: `* nil`},
		{in: "", err: io.EOF},
		{in: "+O", err: io.ErrUnexpectedEOF},
		{in: "$3\r\nab", err: io.ErrUnexpectedEOF},
		{in: "*2\r\n+a\r\n", err: io.ErrUnexpectedEOF},
		{in: "$1\r\nabc", err: errFraming},
		{in: "$-2\r\n", err: errFraming},
		{in: "$9999999\r\n", err: errFraming},
		{in: "hello\r\n", err: errFraming},
		{in: "+OK\n", err: errFraming},
		{in: "\r\n", err: errFraming},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(tc.in)))
		if !errors.Is(err, tc.err) || err == nil && fmt.Sprint(got) != tc.want {
			t.Errorf("readReply(%q) = %v, %v; want %s, %v", tc.in, got, err, tc.want, tc.err)
		}
	}
}

// A seed must give the same requests again, and no token twice.
func TestScriptIsItsSeed(t *testing.T) {
	verbs, err := verbsNamed("echo,set,get,mget,eval,evalerr,wrong,unknown")
	if err != nil {
		t.Fatal(err)
	}
	draw := func() (text string) {
		s := script{run: 1, verbs: verbs, random: rand.New(rand.NewPCG(1, 2))}
		seen := map[string]bool{}
		for range 2000 {
			r, frame := s.next()
			if seen[r.tok] {
				t.Fatalf("token %s came twice", r.tok)
			}
			seen[r.tok] = true
			text += string(frame[:min(len(frame), 100)])
		}
		return text
	}
	if draw() != draw() {
		t.Error("the same seed gave other requests")
	}
	if _, err := verbsNamed("get,put"); err == nil || !strings.Contains(err.Error(), `"put" is unknown`) {
		t.Errorf("verbsNamed(get,put) = %v; want an error that names put", err)
	}
}
