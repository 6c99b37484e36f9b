package codec

import "strconv"

// CRLF ends every line of RESP.
const CRLF = "\r\n"

// AppendArray appends the header of an array of n elements.
func AppendArray(dst []byte, n int) []byte { return appendLine(dst, '*', n) }

// AppendBulk appends b as a bulk string.
func AppendBulk[T []byte | string](dst []byte, b T) []byte {
	dst = appendLine(dst, '$', len(b))
	dst = append(dst, b...)
	return append(dst, CRLF...)
}

// AppendNull appends RESP2's null bulk string.
func AppendNull(dst []byte) []byte { return append(dst, "$-1\r\n"...) }

// AppendNil appends the null of a protocol: RESP3's own, or RESP2's null bulk string.
func AppendNil(dst []byte, resp uint8) []byte {
	if resp == 3 {
		return append(dst, "_\r\n"...)
	}
	return AppendNull(dst)
}

// AppendMap appends the header of a map of n pairs; RESP2 has an array of 2n elements.
func AppendMap(dst []byte, resp uint8, n int) []byte {
	if resp == 3 {
		return appendLine(dst, '%', n)
	}
	return AppendArray(dst, 2*n)
}

// AppendSet appends the header of a set of n elements; RESP2 has an array.
func AppendSet(dst []byte, resp uint8, n int) []byte {
	if resp == 3 {
		return appendLine(dst, '~', n)
	}
	return AppendArray(dst, n)
}

// AppendPush appends the header of a push of n elements; RESP2 has an array.
func AppendPush(dst []byte, resp uint8, n int) []byte {
	if resp == 3 {
		return appendLine(dst, '>', n)
	}
	return AppendArray(dst, n)
}

// AppendText appends a text for people as RESP3's verbatim string, or as a bulk string.
func AppendText[T []byte | string](dst []byte, resp uint8, text T) []byte {
	if resp != 3 {
		return AppendBulk(dst, text)
	}
	dst = appendLine(dst, '=', len(text)+len("txt:"))
	dst = append(dst, "txt:"...)
	dst = append(dst, text...)
	return append(dst, CRLF...)
}

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte {
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, CRLF...)
}

// AppendSimple appends a simple string; s must not hold CR or LF.
func AppendSimple(dst []byte, s string) []byte {
	dst = append(dst, '+')
	dst = append(dst, s...)
	return append(dst, CRLF...)
}

// AppendError appends an error reply. text begins with its code ("ERR …"); control
// characters in it become spaces, so that no text can pretend to be a second reply.
func AppendError(dst []byte, text string) []byte {
	dst = append(dst, '-')
	for i := range len(text) {
		c := text[i]
		if c < ' ' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return append(dst, CRLF...)
}

// AppendCommand appends a request made of args.
func AppendCommand(dst []byte, args ...string) []byte {
	dst = AppendArray(dst, len(args))
	for _, a := range args {
		dst = AppendBulk(dst, a)
	}
	return dst
}

// quotedArg bounds how much of a client's argument an error text repeats.
const quotedArg = 128

// AppendUnknown appends Redis' error for a command that does not exist. Clients match on
// its first words to fall back to an older handshake (rueidis, Lettuce, ioredis).
func AppendUnknown(dst []byte, r *Request) []byte {
	dst = append(dst, "-ERR unknown command '"...)
	dst = appendQuoted(dst, r.Arg(0), quotedArg)
	dst = append(dst, "', with args beginning with: "...)
	for i, start := 1, len(dst); i < r.Len() && len(dst)-start < quotedArg; i++ {
		left := quotedArg - (len(dst) - start)
		dst = append(dst, '\'')
		dst = appendQuoted(dst, r.Arg(i), left)
		dst = append(dst, "' "...)
	}
	return append(dst, CRLF...)
}

// AppendArity appends Redis' error for a wrong number of arguments. name is "get" or,
// for a sub-command, "client|kill".
func AppendArity(dst []byte, name string) []byte {
	dst = append(dst, "-ERR wrong number of arguments for '"...)
	dst = append(dst, name...)
	return append(dst, "' command\r\n"...)
}

// appendQuoted appends at most limit bytes of b as Redis does, which formats them as a C
// string: up to the first NUL. Line ends become spaces.
func appendQuoted(dst, b []byte, limit int) []byte {
	for _, c := range b[:min(len(b), limit)] {
		switch c {
		case 0:
			return dst
		case '\r', '\n':
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// appendLine appends a type byte, a number and CRLF. One or two digits are most of the traffic.
func appendLine(dst []byte, kind byte, n int) []byte {
	switch {
	case uint(n) < 10:
		return append(dst, kind, byte('0'+n), '\r', '\n')
	case uint(n) < 100:
		return append(dst, kind, byte('0'+n/10), byte('0'+n%10), '\r', '\n')
	}
	dst = append(dst, kind)
	dst = strconv.AppendInt(dst, int64(n), 10)
	return append(dst, CRLF...)
}
