package codec

import "bytes"

// inline takes one line of words, as redis-cli-less people and load balancers send them
// through telnet or netcat: PING\r\n. The request is rewritten as a multi-bulk.
func (s *Scanner) inline(buf []byte, r *Request, lim *Limits) (n int, err error) {
	if otherProtocol(buf) {
		return 0, errOtherProtocol
	}
	nl := bytes.IndexByte(buf[s.at:], '\n')
	if nl < 0 {
		s.at = len(buf)
		if s.at > lim.Inline {
			return 0, errLongInline
		}
		return 0, ErrShort
	}
	nl += s.at
	s.at = 0
	if nl > lim.Inline {
		return 0, errLongInline
	}
	if err := splitLine(bytes.TrimSuffix(buf[:nl], cr), r); err != nil {
		return 0, err
	}
	return nl + 1, nil
}

var cr = []byte{'\r'}

// foreign are first bytes of other protocols: HTTP by the two words Redis itself treats as
// an attack, SSH, SMTP, and HAProxy's header, which is only welcome where it is configured.
var foreign = [][]byte{
	[]byte("POST "), []byte("Host:"), []byte("SSH-"), []byte("EHLO "), []byte("HELO "), []byte("PROXY "),
}

// otherProtocol recognises a peer that speaks something else, by its first bytes.
func otherProtocol(buf []byte) bool {
	if buf[0] == 0x16 { // a TLS handshake record
		return true
	}
	for _, f := range foreign {
		if len(buf) >= len(f) && bytes.EqualFold(buf[:len(f)], f) {
			return true
		}
	}
	return false
}

// httpRequest reports whether line is the request line of HTTP: "GET / HTTP/1.1".
func httpRequest(line []byte) bool {
	const version = " HTTP/1."
	at := len(line) - len(version) - 1
	return at >= 0 && string(line[at:len(line)-1]) == version
}

// splitLine fills r with the words of line. Quoting is that of redis-cli: "…" with \xHH,
// \n \r \t \b \a and \", '…' with \', and a closing quote must be followed by a space.
func splitLine(line []byte, r *Request) error {
	r.spans, r.own = r.spans[:0], r.own[:0]
	if httpRequest(line) {
		return errOtherProtocol
	}
	if bytes.IndexByte(line, 0) >= 0 {
		return errInlineNUL
	}
	for {
		line = bytes.TrimLeft(line, " \t\v\f\r\n")
		if len(line) == 0 {
			break
		}
		from := len(r.own)
		rest, ok := r.word(line)
		if !ok {
			return errQuotes
		}
		r.spans = append(r.spans, span{uint32(from), uint32(len(r.own))})
		line = rest
	}
	r.encode()
	return nil
}

// word appends the first word of line, unquoted, to r.own and returns what follows it.
func (r *Request) word(line []byte) (rest []byte, ok bool) {
	for len(line) > 0 && !endsWord(line[0]) {
		switch line[0] {
		case '"':
			if line, ok = r.doubleQuoted(line[1:]); !ok {
				return nil, false
			}
		case '\'':
			if line, ok = r.singleQuoted(line[1:]); !ok {
				return nil, false
			}
		default:
			r.own = append(r.own, line[0])
			line = line[1:]
			continue
		}
		return line, len(line) == 0 || space(line[0])
	}
	return line, true
}

// doubleQuoted appends up to the closing quote, resolving escapes.
func (r *Request) doubleQuoted(line []byte) (rest []byte, ok bool) {
	for len(line) > 0 {
		switch c := line[0]; {
		case c == '"':
			return line[1:], true
		case c == '\\' && len(line) >= 4 && line[1] == 'x' && hex(line[2]) < 16 && hex(line[3]) < 16:
			r.own = append(r.own, hex(line[2])<<4|hex(line[3]))
			line = line[4:]
		case c == '\\' && len(line) >= 2:
			r.own = append(r.own, unescape(line[1]))
			line = line[2:]
		default:
			r.own = append(r.own, c)
			line = line[1:]
		}
	}
	return nil, false
}

// singleQuoted appends up to the closing quote; only \' is an escape.
func (r *Request) singleQuoted(line []byte) (rest []byte, ok bool) {
	for len(line) > 0 {
		switch c := line[0]; {
		case c == '\'':
			return line[1:], true
		case c == '\\' && len(line) >= 2 && line[1] == '\'':
			r.own = append(r.own, '\'')
			line = line[2:]
		default:
			r.own = append(r.own, c)
			line = line[1:]
		}
	}
	return nil, false
}

// encode turns the words in own[:words] into a multi-bulk frame behind them.
func (r *Request) encode() {
	words := len(r.own)
	r.own = AppendArray(r.own, len(r.spans))
	for i, s := range r.spans {
		r.own = AppendBulk(r.own, r.own[s.from:s.to])
		to := len(r.own) - 2 - words
		r.spans[i] = span{uint32(to) - (s.to - s.from), uint32(to)}
	}
	r.Frame = r.own[words:len(r.own):len(r.own)]
}

// space reports whether c may stand between words, and behind a closing quote.
func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// endsWord reports whether c ends a word. Redis takes a vertical tab or a form feed for part of
// one that has begun.
func endsWord(c byte) bool { return space(c) && c != '\v' && c != '\f' }

// hex returns the value of a hexadecimal digit, 16 or more for anything else.
func hex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// unescape returns what \c stands for.
func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}
