package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A reply is one RESP2 value. Nothing in it aliases the reader's buffer.
type reply struct {
	kind  byte    // + - : $ or *
	null  bool    // $-1 or *-1
	text  []byte  // of every kind but *
	items []reply // of *
}

// String shows the reply with its kind; long text is cut.
func (r reply) String() string {
	switch {
	case r.null:
		return string(r.kind) + " nil"
	case r.kind == '*':
		return fmt.Sprintf("* %v", r.items)
	case len(r.text) > 200:
		return fmt.Sprintf("%c %q... (%d bytes)", r.kind, r.text[:200], len(r.text))
	}
	return fmt.Sprintf("%c %q", r.kind, r.text)
}

// errFraming: what came is no RESP2.
var errFraming = errors.New("broken framing")

// The longest replies that the soak can have caused.
const (
	mostBytes = 1 << 20
	mostItems = 1024
)

// readReply reads one value. io.EOF means that nothing of it had come.
func readReply(r *bufio.Reader) (reply, error) {
	line, err := readLine(r)
	if err != nil {
		return reply{}, err
	}
	if len(line) == 0 {
		return reply{}, fmt.Errorf("%w: an empty line", errFraming)
	}
	v := reply{kind: line[0], text: line[1:]}
	switch v.kind {
	case '+', '-', ':':
		return v, nil
	case '$':
		return readBulk(r, v)
	case '*':
		return readArray(r, v)
	}
	return v, fmt.Errorf("%w: a line begins with %q", errFraming, line)
}

// readLine returns a line without its end.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadBytes('\n')
	if err != nil {
		if len(line) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	if n := len(line); n >= 2 && line[n-2] == '\r' {
		return line[:n-2], nil
	}
	return nil, fmt.Errorf("%w: a line ends without a carriage return: %q", errFraming, line)
}

// length reads the number behind $ or *; a reply of -1 is null.
func length(v *reply, most int) (int, error) {
	n, err := strconv.Atoi(string(v.text))
	if err != nil || n < -1 || n > most {
		return 0, fmt.Errorf("%w: length %q", errFraming, v.text)
	}
	v.null, v.text = n == -1, nil
	return max(n, 0), nil
}

func readBulk(r *bufio.Reader, v reply) (reply, error) {
	n, err := length(&v, mostBytes)
	if err != nil || v.null {
		return v, err
	}
	text := make([]byte, n+2)
	if _, err := io.ReadFull(r, text); err != nil {
		return v, unexpected(err)
	}
	if text[n] != '\r' || text[n+1] != '\n' {
		return v, fmt.Errorf("%w: %d bytes are followed by %q", errFraming, n, text[n:])
	}
	v.text = text[:n]
	return v, nil
}

func readArray(r *bufio.Reader, v reply) (reply, error) {
	n, err := length(&v, mostItems)
	for range n {
		item, err := readReply(r)
		if err != nil {
			return v, unexpected(err)
		}
		v.items = append(v.items, item)
	}
	return v, err
}

// unexpected turns an end in the midst of a value into one that says so.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
