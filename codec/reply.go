package codec

import "bytes"

// A ReplyScanner finds the end of replies in a stream that arrives in pieces, without
// keeping any of it. The zero value stands at the beginning of a reply.
//
// It takes whatever a server can say: lines of any length, in which a lone CR is a byte like
// others; lengths and counts of up to 18 digits; aggregates in each other as deep as they
// come. Of those it remembers how many elements are still to come. An aggregate is forgotten
// as soon as its last element begins, so that a chain of one in the other costs nothing.
// What is left to remember is 8 bytes for each one that has more elements behind it, which
// took its server 8 bytes or more to say.
type ReplyScanner struct {
	RESP3 bool  // maps, sets, doubles, pushes … are welcome; otherwise only RESP2's five types
	Most  int64 // what one reply may announce, in bytes, for readers that make room for it; 0: anything

	state  replyState
	kind   byte  // type byte of the element that is being read
	outer  byte  // type byte of the reply; 0 at its beginning
	minus  bool  // its number is negative
	digits uint8 // of its number, so far
	number int64 // its number, so far
	left   int64 // bytes of a bulk still to come, CRLF included; or signs of a number
	told   int64 // what the reply has announced so far, where Most is set
	open   openCounts
}

// replyState is what the next byte belongs to.
type replyState uint8

const (
	atType   replyState = iota // a type byte
	inNumber                   // digits up to CR
	inText                     // free text up to CRLF
	inBulk                     // a bulk's payload and its CRLF
	atLF                       // the LF that ends a line
)

// Fresh reports whether the scanner stands between two replies.
func (s *ReplyScanner) Fresh() bool { return s.state == atType && s.open.rest == 0 }

// Holds returns how many bytes of memory the scanner takes besides itself: some for a reply that
// is unusually deep.
func (s *ReplyScanner) Holds() int64 { return s.open.holds() }

// Reset makes the scanner stand at the beginning of a reply again.
func (s *ReplyScanner) Reset() {
	s.state = atType
	s.open.clear()
}

// Kind returns the type byte of the reply of which a part has been read.
func (s *ReplyScanner) Kind() byte { return s.outer }

// Rest returns how many bytes are still to come of the bulk string that is being read, as far as
// its length has announced them; 0 between bulk strings.
func (s *ReplyScanner) Rest() int64 {
	if s.state != inBulk {
		return 0
	}
	return s.left
}

// Next consumes bytes of the current reply from buf: all of buf, or up to the reply's end,
// when done is true and the scanner is fresh again. A *SyntaxError is final.
func (s *ReplyScanner) Next(buf []byte) (n int, done bool, err error) {
	for n < len(buf) {
		if s.state == atType {
			if size := whole(buf[n:], s.RESP3); size > 0 {
				n += size
				if s.open.rest > 1 {
					s.open.rest--
					continue
				}
				if s.open.begun(); s.open.rest == 0 {
					return n, true, nil
				}
				continue
			}
			if size := s.header(buf[n:]); size > 0 {
				n += size
				end, err := s.aggregateBegins()
				if err != nil {
					return n, false, err
				}
				if end && s.elementEnds() {
					return n, true, nil
				}
				continue
			}
		}
		used, end, err := s.step(buf[n:])
		if err != nil {
			return n, false, err
		}
		n += used
		if end && s.elementEnds() {
			return n, true, nil
		}
	}
	return n, false, nil
}

// whole is the short way for an element that is no aggregate and is in buf from beginning to
// end, as most are. It returns 0 for everything else. It makes a reply of 3 bytes cost 6 ns
// instead of 25 (BenchmarkReplyBulk3). What has no short way costs a server nothing to say and
// us ten times as much to read (BenchmarkReplyTiny).
func whole(buf []byte, resp3 bool) int {
	if len(buf) < 4 {
		return 0
	}
	switch buf[0] {
	case '=', '!':
		if !resp3 {
			return 0
		}
		fallthrough
	case '$':
		if string(buf[:min(len(buf), 5)]) == "$-1\r\n" {
			return 5
		}
		size, p := shortNumber(buf, 10)
		end := p + 2 + size + 2
		if p > 1 && end <= len(buf) && buf[p] == '\r' && buf[p+1] == '\n' &&
			buf[end-2] == '\r' && buf[end-1] == '\n' && (buf[1] != '0' || p == 2) {
			return end
		}
	case '_', '#', ',', '(':
		if !resp3 {
			return 0
		}
		fallthrough
	case '+', '-':
		if i := bytes.IndexByte(buf[:min(len(buf), 64)], '\r'); i > 0 && i+1 < len(buf) && buf[i+1] == '\n' {
			return i + 2
		}
	case ':':
		first := 1
		if buf[1] == '-' {
			first = 2
		}
		p := first
		for ; p < min(len(buf), 19) && buf[p]-'0' <= 9; p++ {
		}
		if p > first && p+1 < len(buf) && buf[p] == '\r' && buf[p+1] == '\n' {
			return p + 2
		}
	}
	return 0
}

// shortNumber reads the digits behind a type byte, before buf[most], and returns where they end.
func shortNumber(buf []byte, most int) (n, end int) {
	for end = 1; end < min(len(buf), most) && buf[end]-'0' <= 9; end++ {
		n = n*10 + int(buf[end]-'0')
	}
	return n, end
}

// header is the short way for the first line of an aggregate that is in buf wholly. It returns
// the line's length, or 0.
func (s *ReplyScanner) header(buf []byte) int {
	switch buf[0] {
	case '*':
	case '%', '~', '>', '|':
		if !s.RESP3 {
			return 0
		}
	default:
		return 0
	}
	n, p := shortNumber(buf, 10)
	if p == 1 || p+1 >= len(buf) || buf[p] != '\r' || buf[p+1] != '\n' {
		return 0
	}
	if s.open.rest == 0 {
		s.outer, s.told = buf[0], 0
	}
	s.open.begun()
	s.kind, s.number, s.minus = buf[0], int64(n), false
	return p + 2
}

// step consumes some of buf, which is not empty, and tells whether an element ended.
func (s *ReplyScanner) step(buf []byte) (n int, end bool, err error) {
	switch s.state {
	case atType:
		return 1, false, s.begin(buf[0])
	case inNumber:
		return s.inNumber(buf)
	case inText:
		return s.inText(buf), false, nil
	case inBulk:
		return s.inBulk(buf)
	}
	switch {
	case buf[0] == '\n':
		end, err = s.lineEnds()
		return 1, end, err
	case isText(s.kind):
		s.state = inText // the CR was a byte of the line
		return 0, false, nil
	}
	return 0, false, errReplyCRLF
}

// begin takes a type byte.
func (s *ReplyScanner) begin(kind byte) error {
	if s.open.rest == 0 {
		s.outer, s.told = kind, 0
	}
	s.open.begun()
	s.kind, s.number, s.digits, s.minus, s.left = kind, 0, 0, false, 0
	switch kind {
	case '$', '*', ':':
		s.state = inNumber
	case '+', '-':
		s.state = inText
	case '%', '~', '>', '|', '=', '!':
		s.state = inNumber
		if !s.RESP3 {
			return errReplyType
		}
	case '_', '#', ',', '(':
		s.state = inText
		if !s.RESP3 {
			return errReplyType
		}
	default:
		return errReplyType
	}
	return nil
}

// isText reports whether an element is free text up to CRLF.
func isText(kind byte) bool {
	switch kind {
	case '+', '-', '_', '#', ',', '(':
		return true
	}
	return false
}

// inNumber takes the digits of a length or an integer.
func (s *ReplyScanner) inNumber(buf []byte) (n int, end bool, err error) {
	for n < len(buf) {
		c := buf[n]
		n++
		switch {
		case c >= '0' && c <= '9':
			if s.digits++; s.digits > 20 || s.kind != ':' && s.digits > maxDigits {
				return n, false, errReplyLength
			}
			s.number = s.number*10 + int64(c-'0')
		case c == '-' && s.digits == 0 && s.left == 0:
			s.minus, s.left = true, 1
		case c == '+' && s.digits == 0 && s.kind == ':' && s.left == 0:
			s.left = 1
		case c == '\r' && s.digits > 0:
			s.state = atLF
			return n, false, nil
		default:
			return n, false, errReplyLength
		}
	}
	return n, false, nil
}

// inText takes free text up to the CR that may be the end of it.
func (s *ReplyScanner) inText(buf []byte) (n int) {
	if i := bytes.Index(buf, crlf); i >= 0 {
		s.state = atLF
		return i + 1
	}
	if buf[len(buf)-1] == '\r' {
		s.state = atLF
	}
	return len(buf)
}

// crlf is CRLF as bytes.Index takes it.
var crlf = []byte(CRLF)

// inBulk takes payload and the CRLF behind it.
func (s *ReplyScanner) inBulk(buf []byte) (n int, end bool, err error) {
	n = int(min(s.left, int64(len(buf))))
	for i := max(0, int(min(s.left-2, int64(n)))); i < n; i++ { // the bytes of CRLF in buf[:n]
		if want := CRLF[2-(s.left-int64(i))]; buf[i] != want {
			return n, false, errReplyCRLF
		}
	}
	s.left -= int64(n)
	return n, s.left == 0, nil
}

// lineEnds acts on a complete line: it opens an aggregate, begins a bulk, or ends an element.
func (s *ReplyScanner) lineEnds() (end bool, err error) {
	switch s.kind {
	case '$', '=', '!':
		return s.bulkBegins()
	case '*', '~', '>', '%', '|':
		return s.aggregateBegins()
	}
	return true, nil
}

// bulkBegins acts on the length line of a bulk; -1 is RESP2's null.
func (s *ReplyScanner) bulkBegins() (end bool, err error) {
	if s.minus {
		return true, s.nullOnly()
	}
	s.state, s.left = inBulk, s.number+2
	return false, s.announced(s.number, 1)
}

// announced adds a number of things, of so many bytes each, to what the reply announces.
func (s *ReplyScanner) announced(n, each int64) error {
	switch {
	case s.Most == 0:
	case n > (s.Most-s.told)/each:
		return errReplyTold
	default:
		s.told += n * each
	}
	return nil
}

// roomForElement is what a reader needs for an element before it has come.
const roomForElement = 16

// aggregateBegins acts on the count line of an aggregate. A map counts pairs; an attribute
// precedes the element it describes, so it counts one more.
func (s *ReplyScanner) aggregateBegins() (end bool, err error) {
	if s.minus {
		return true, s.nullOnly()
	}
	n := s.number
	switch s.kind {
	case '%':
		n *= 2
	case '|':
		n = 2*n + 1
	}
	if n == 0 {
		return true, nil
	}
	if err := s.announced(n, roomForElement); err != nil {
		return false, err
	}
	if !s.open.push(n) {
		return false, errReplyDepth
	}
	s.state = atType
	return false, nil
}

// nullOnly accepts -1 as the one negative length.
func (s *ReplyScanner) nullOnly() error {
	if s.number != 1 || s.kind != '$' && s.kind != '*' {
		return errReplyLength
	}
	return nil
}

// elementEnds reports whether the element that ends was the last of the reply.
func (s *ReplyScanner) elementEnds() bool {
	s.state = atType
	if s.open.rest > 0 {
		return false
	}
	s.open.clear()
	return true
}

// ErrorCode returns the first word of an error reply, "ERR" or "MOVED": what stands
// between '-' and the first space. It is nil when the reply is not an error.
func ErrorCode(reply []byte) []byte {
	if len(reply) == 0 || reply[0] != '-' {
		return nil
	}
	end := bytes.IndexAny(reply, " \r\n")
	if end < 0 {
		end = len(reply)
	}
	return reply[1:end]
}
