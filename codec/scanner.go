package codec

import "bytes"

// Limits bound one request.
type Limits struct {
	Args    int  // arguments, the name included
	Bulk    int  // bytes of one argument
	Request int  // bytes of the whole frame
	Inline  int  // bytes of an inline line; 0 refuses inline requests
	Strange bool // the peer has not authenticated: say so when Args or Bulk is exceeded

	LongBulk *SyntaxError // what is wrong with more than Bulk; nil: that it is over our own limit
}

// maxLine bounds a line that holds only a number: "*1048576" needs 8 bytes.
const maxLine = 64

// What Redis refuses as well, whatever its configuration says or unless it says otherwise, is
// refused in its words; other limits name the key of our configuration.
const (
	redisArgs = 1 << 20
	redisBulk = 512 << 20
)

// A Scanner finds requests in a stream that arrives in pieces. The zero value stands at
// the beginning of a request.
//
// Invariant: at ≤ len(buf) of the next call; what lies before it is never looked at again.
type Scanner struct {
	at    int // next byte to look at, from the start of the frame
	total int // arguments announced; 0 before the header was read
}

// Idle reports whether the scanner stands between two requests.
func (s *Scanner) Idle() bool { return s.at == 0 && s.total == 0 }

// Next looks for the first request in buf and describes it in r. It returns the number of
// bytes the request takes; r.Len() is 0 for an empty one (a blank line, "*0").
//
// On ErrShort call again with the same bytes and more behind them, and with the same r;
// the scanner goes on where it stopped. Any other error is a *SyntaxError.
func (s *Scanner) Next(buf []byte, r *Request, lim *Limits) (n int, err error) {
	if s.total == 0 {
		if len(buf) == 0 {
			return 0, ErrShort
		}
		if buf[0] != '*' {
			return s.inline(buf, r, lim)
		}
		if err := s.header(buf, r, lim); err != nil {
			return 0, err
		}
	}
	for len(r.spans) < s.total {
		if err := s.argument(buf, r, lim); err != nil {
			return 0, err
		}
	}
	n = s.at
	r.Frame = buf[:n:n]
	*s = Scanner{}
	return n, nil
}

// Least returns how many bytes the request that begins in buf takes at least, by what it has
// announced so far; 0 when that says no more than what is there.
func (s *Scanner) Least(buf []byte) int {
	if s.total == 0 || s.at >= len(buf) || buf[s.at] != '$' {
		return 0
	}
	size, from, err := number(buf, s.at+1)
	if err != nil || size < 0 {
		return 0
	}
	return from + size + len(CRLF)
}

// header reads "*N\r\n".
func (s *Scanner) header(buf []byte, r *Request, lim *Limits) error {
	r.spans = r.spans[:0]
	count, next, err := number(buf, 1)
	switch {
	case err == errCountLine || err == ErrShort:
		return err
	case err != nil || count > lim.Args:
		return tooMany(count, err, lim)
	}
	s.at = next
	s.total = max(count, 0) // "*-1" is as empty as "*0", as in Redis
	return nil
}

// tooMany chooses the text for a bad argument count: a bad number, or too many for a
// peer that has not authenticated.
func tooMany(count int, err error, lim *Limits) error {
	switch {
	case err != nil:
		return errArgCount
	case lim.Strange:
		return errUnauthArgs
	case count > redisArgs:
		return errArgCount
	}
	return errManyArgs
}

// argument reads "$N\r\n", N bytes and CRLF.
func (s *Scanner) argument(buf []byte, r *Request, lim *Limits) error {
	p := s.at
	if p >= len(buf) {
		return ErrShort
	}
	if buf[p] != '$' {
		return notBulk(buf[p])
	}
	size, from, err := number(buf, p+1)
	if err != nil {
		return bulkFault(err)
	}
	if size < 0 || size > lim.Bulk {
		return tooLong(size, lim)
	}
	to := from + size
	if to+2 > lim.Request {
		return errLongRequest
	}
	if to+2 > len(buf) {
		return ErrShort
	}
	if buf[to] != '\r' || buf[to+1] != '\n' {
		return errNoCRLF
	}
	if len(r.spans) == cap(r.spans) {
		r.grow()
	}
	r.spans = append(r.spans, span{uint32(from), uint32(to)})
	s.at = to + 2
	return nil
}

// bulkFault turns a fault of number into the one for a bulk's length line.
func bulkFault(err error) error {
	switch err {
	case ErrShort:
		return ErrShort
	case errCountLine:
		return errBulkLine
	}
	return errBulkLength
}

// tooLong chooses the text for a bulk length out of range.
func tooLong(size int, lim *Limits) error {
	switch {
	case size < 0:
		return errBulkLength
	case lim.Strange:
		return errUnauthBulk
	case size > redisBulk:
		return errBulkLength
	case lim.LongBulk != nil:
		return lim.LongBulk
	}
	return errLongBulk
}

// number reads digits from buf[p:] up to CRLF and returns the offset behind it. Only the
// canonical form is taken: an optional minus, no plus, no space, no leading zero but "0".
// Whatever else two parsers could read differently is refused, because that is how a
// request is smuggled past one of them.
func number(buf []byte, p int) (n, next int, err error) {
	if p+3 < len(buf) && buf[p]-'0' <= 9 { // one or two digits: most counts and lengths
		d, e := buf[p]-'0', buf[p+1]-'0'
		switch {
		case buf[p+1] == '\r' && buf[p+2] == '\n':
			return int(d), p + 3, nil
		case d > 0 && e <= 9 && buf[p+2] == '\r' && buf[p+3] == '\n':
			return 10*int(d) + int(e), p + 4, nil
		}
	}
	line, err := numberLine(buf, p)
	if err != nil {
		return 0, 0, err
	}
	n, ok := parseNumber(line)
	if !ok {
		return 0, 0, errArgCount
	}
	return n, p + len(line) + 2, nil
}

// numberLine returns the bytes of buf[p:] before CRLF.
func numberLine(buf []byte, p int) ([]byte, error) {
	rest := buf[p:min(len(buf), p+maxLine)]
	cr := bytes.IndexByte(rest, '\r')
	switch {
	case cr < 0 && len(rest) == maxLine && unfinished(rest) == ErrShort:
		return nil, errCountLine
	case cr < 0:
		return nil, unfinished(rest)
	case p+cr+1 >= len(buf):
		return nil, unfinished(rest[:cr])
	case buf[p+cr+1] != '\n':
		return nil, errArgCount
	}
	return rest[:cr], nil
}

// unfinished is the error for a line that has not ended: no need to wait for the end of one
// that is wrong already.
func unfinished(line []byte) error {
	if !numeric(line) {
		return errArgCount
	}
	return ErrShort
}

// numeric reports whether b could be the beginning of a number.
func numeric(b []byte) bool {
	for i, c := range b {
		if (c < '0' || c > '9') && (c != '-' || i > 0) {
			return false
		}
	}
	return true
}

// maxDigits keeps every number that is parsed far from the end of int64.
const maxDigits = 18

// parseNumber reads a canonical decimal.
func parseNumber(line []byte) (n int, ok bool) {
	digits := line
	if len(line) > 0 && line[0] == '-' {
		digits = line[1:]
	}
	if len(digits) == 0 || len(digits) > maxDigits {
		return 0, false
	}
	if digits[0] == '0' && len(line) > 1 {
		return 0, false // "-0", "007"
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	if len(digits) < len(line) {
		n = -n
	}
	return n, true
}
