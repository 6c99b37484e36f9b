package codec

// The joins of commands that ask every group or every server; those of split commands are
// beside Join.
const (
	Agree  Join = iota + Sum + 1 // the reply that all of them gave
	Concat                       // the elements of all their arrays
	And                          // per element 1 where all of them said 1, otherwise 0
	AnyOK                        // +OK when one of them said so
	One                          // only one is asked: they would all say the same
	Draw                         // one is drawn, by the integer that each of them said
	Walk                         // one after the other: the cursor tells whose turn it is
)

// Size returns the length of the complete reply at the beginning of buf, or 0 when there is
// none. It accepts RESP3's types too.
func Size(buf []byte) int {
	if n := whole(buf, true); n > 0 {
		return n
	}
	s := ReplyScanner{RESP3: true}
	n, done, err := s.Next(buf)
	if err != nil || !done {
		return 0
	}
	return n
}

// ArrayHeader returns the length of the header of the array at the beginning of buf, which
// is where its first element stands, or len(buf) when buf does not begin with an array.
func ArrayHeader(buf []byte) int {
	if len(buf) > 0 && buf[0] == '*' {
		if _, next, err := number(buf, 1); err == nil {
			return next
		}
	}
	return len(buf)
}

// Integer returns the value of an integer reply.
func Integer(reply []byte) (n int64, ok bool) {
	if len(reply) < 4 || reply[0] != ':' {
		return 0, false
	}
	v, _, err := number(reply, 1)
	return int64(v), err == nil
}

// Header reads the header of the aggregate at the beginning of buf: its type byte, how many
// elements follow (a map's count twice) and where the first stands. It returns ok false
// when buf does not begin with an array, a set, a push or a map, or with a null.
func Header(buf []byte) (kind byte, n, next int, ok bool) {
	if len(buf) < 4 || buf[1] == '-' {
		return 0, 0, 0, false
	}
	v, next, err := number(buf, 1)
	switch kind = buf[0]; {
	case err != nil:
	case kind == '*' || kind == '~' || kind == '>':
		return kind, v, next, true
	case kind == '%':
		return kind, 2 * v, next, true
	}
	return 0, 0, 0, false
}

// Bulk returns the content of the bulk string at the beginning of buf and where it ends.
func Bulk(buf []byte) (content []byte, end int, ok bool) {
	end = Size(buf)
	if end == 0 || buf[0] != '$' || buf[1] == '-' {
		return nil, 0, false
	}
	_, from, err := number(buf, 1)
	if err != nil {
		return nil, 0, false
	}
	return buf[from : end-len(CRLF)], end, true
}

// IsNull tells whether a reply is a null of either protocol.
func IsNull(reply []byte) bool {
	switch string(reply) {
	case "$-1\r\n", "*-1\r\n", "_\r\n":
		return true
	}
	return false
}
