package codec

// Size returns the length of the complete reply at the beginning of buf, or 0 when there is
// none. It accepts RESP3's types too.
func Size(buf []byte) int {
	if n := whole(buf); n > 0 {
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
