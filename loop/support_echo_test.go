package loop

import (
	"strings"

	"huntaway/codec"
)

// An echoer answers canaries in place of the server of a memWire, as soon as everything before
// them is answered, so that tests of other things neither see them nor have to.
type echoer struct {
	sent []byte   // by the proxy: the beginning of a request
	due  []string // replies to come, in order; "" for one that the test says
	scan codec.ReplyScanner
	push bool // what the server is saying is a push frame
}

// hide returns what was written without canaries.
func (c *echoer) hide(b []byte) (rest []byte) {
	if c == nil {
		return b
	}
	c.sent = append(c.sent, b...)
	for {
		n := codec.Size(c.sent)
		if n == 0 {
			return rest
		}
		frame := string(c.sent[:n])
		c.sent = c.sent[n:]
		if _, word, found := strings.Cut(frame, "*2\r\n$4\r\nECHO\r\n"); found && strings.Contains(word, canaryWord) {
			c.due = append(c.due, word)
			continue
		}
		c.due = append(c.due, "")
		rest = append(rest, frame...)
	}
}

// ripe returns the answers to canaries before which everything is answered.
func (c *echoer) ripe() (said string) {
	for c != nil && len(c.due) > 0 && c.due[0] != "" {
		said += c.due[0]
		c.due = c.due[1:]
	}
	return said
}

// weave puts those answers among what the server says. Where there are none it returns in itself:
// a server may say hundreds of megabytes.
func (c *echoer) weave(in []byte) []byte {
	if c == nil {
		return in
	}
	out := []byte(c.ripe())
	from, at := 0, 0 // out has what is before from
	for at < len(in) {
		if c.scan.Fresh() {
			c.push = in[at] == '>'
		}
		n, done, err := c.scan.Next(in[at:])
		if err != nil {
			break
		}
		at += n
		if done && !c.push && len(c.due) > 0 {
			c.due = c.due[1:]
			if said := c.ripe(); said != "" {
				out = append(append(out, in[from:at]...), said...)
				from = at
			}
		}
	}
	if len(out) == 0 {
		return in
	}
	return append(out, in[from:]...)
}
