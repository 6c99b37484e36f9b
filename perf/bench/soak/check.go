package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A class is what became of one request.
type class int

const (
	served     class = iota // its own reply
	excused                 // an error that the proxy or Redis documents
	crossed                 // somebody else's reply
	malformed               // a reply that no such request can have
	unexcused               // an error that nobody documents
	classCount              // how many there are
)

// String names the class; what must not be is in capitals.
func (c class) String() string {
	return [...]string{"served", "error", "CROSSED", "MALFORMED", "UNDOCUMENTED ERROR"}[c]
}

// refusals are Redis's own, given before a command ran; a proxy may pass them on.
var refusals = regexp.MustCompile(`^(LOADING|MASTERDOWN|READONLY|NOREPLICAS|BUSY|MISCONF) `)

// check says whether a reply may be the answer to one of this script's requests. excuse
// matches the errors that the proxy documents.
func (s *script) check(r request, v reply, excuse *regexp.Regexp) class {
	if s.foreign(r, v) {
		return crossed
	}
	if s.answers(r, v) {
		return served
	}
	if v.kind != '-' {
		return malformed
	}
	if excuse.Match(v.text) || refusals.Match(v.text) {
		return excused
	}
	return unexcused
}

// foreign tells whether the reply carries anything that belongs to another request, or a
// value of another client or key.
func (s *script) foreign(r request, v reply) bool {
	for i, item := range v.items {
		if s.foreignValue(r, i, item) {
			return true
		}
	}
	if r.verb == get {
		return s.foreignValue(r, 0, v)
	}
	for _, found := range tokens.FindAll(v.text, -1) {
		if string(found) != r.tok {
			return true
		}
	}
	return false
}

// foreignValue tells whether v carries a token, or a value that does not belong to key i.
func (s *script) foreignValue(r request, i int, v reply) bool {
	if !tokens.Match(v.text) {
		return false
	}
	return r.verb != get && r.verb != mget || i >= len(r.keys) || !s.written(v, r.keys[i])
}

// answers tells whether v is what the request asks for.
func (s *script) answers(r request, v reply) bool {
	switch r.verb {
	case echo, eval:
		return v.kind == '$' && string(v.text) == r.tok
	case evalErr:
		return v.kind == '-' && string(v.text) == "TOKEN "+r.tok
	case set:
		return v.kind == '+' && string(v.text) == "OK"
	case get:
		return s.holds(v, r.keys[0])
	case wrong:
		return v.kind == '$' && v.null || v.kind == '-' && strings.HasPrefix(string(v.text), "WRONGTYPE ")
	case unknown:
		return v.kind == '-' && strings.HasPrefix(string(v.text), "ERR unknown command 'NOSUCH."+r.tok)
	}
	return s.answersEach(r, v)
}

// answersEach checks an array with a value for each key.
func (s *script) answersEach(r request, v reply) bool {
	if v.kind != '*' || len(v.items) != len(r.keys) {
		return false
	}
	for i, item := range v.items {
		if !s.holds(item, r.keys[i]) {
			return false
		}
	}
	return true
}

// holds tells whether v can be the value of this client's key: none, or one that this
// client has written there, down to the last byte.
func (s *script) holds(v reply, key int) bool {
	return v.kind == '$' && (v.null || s.written(v, key))
}

func (s *script) written(v reply, key int) bool {
	got, ok := parseValue(v.text)
	return ok && v.kind == '$' && got.run == s.run && got.client == s.client && got.key == key && got.seq <= s.seq
}

// variable is what differs between two errors of the same class: tokens, addresses, numbers.
var variable = regexp.MustCompile(`tok\.[0-9a-z.]+|[0-9][0-9.:]*`)

// errorClass shortens an error's text to what it is counted under.
func errorClass(v reply) string {
	text := variable.ReplaceAllString(string(v.text), "N")
	return text[:min(len(text), 90)]
}

// A verdict is a reply that must not be, as it is reported.
type verdict struct {
	class   class
	request request
	reply   reply
}

// String says what was asked and what came.
func (v verdict) String() string {
	return fmt.Sprintf("%v: %s %s keys %v: got %v", v.class, v.request.verb, v.request.tok, v.request.keys, v.reply)
}
