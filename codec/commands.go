package codec

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"
)

// Commands is an immutable set of commands. Default has the compiled ones; Learn makes
// another set of it with what a server knows besides.
type Commands struct {
	all   []*Command // by ID
	cells []cell     // open addressing, a power of two, at most half full
	shift uint8      // 64 - log2(len(cells))

	served []*Command // those COMMAND lists, without sub-commands, sorted by name
	resp2  telling    // what it says of them
	resp3  telling
	said   []CommandSpec           // what servers say instead, in their order; nil: they were not asked
	saidOf map[string]*CommandSpec // by name, sub-commands included
}

// A cell of the hash table: word is the whole name when it has at most 8 bytes, else a
// mixture of its first and last 8.
type cell struct {
	word    uint64
	command *Command // nil: empty
}

// Default returns the compiled commands of Redis 7 and 8, Valkey 8 and 9 and the Redis
// modules.
func Default() *Commands { return compiled }

// newCommands indexes commands, whose IDs must be their places in all.
func newCommands(all []*Command) *Commands {
	c := &Commands{all: all}
	var tops []*Command
	for _, cmd := range all {
		if !strings.Contains(cmd.Name, "|") {
			tops = append(tops, cmd)
		}
	}
	slices.SortFunc(tops, func(a, b *Command) int { return cmp.Compare(a.Name, b.Name) })

	size := uint(2 * len(tops))
	c.cells = make([]cell, 1<<bits.Len(size))
	c.shift = uint8(64 - bits.Len(size))
	for _, cmd := range tops {
		c.insert(cmd)
	}
	c.served = listed(tops)
	c.resp2, c.resp3 = tell(c.served, 2), tell(c.served, 3)
	return c
}

func (c *Commands) insert(cmd *Command) {
	word := nameWord([]byte(cmd.Name))
	i := slot(word, c.shift)
	for c.cells[i].command != nil {
		i = (i + 1) & uint64(len(c.cells)-1)
	}
	c.cells[i] = cell{word, cmd}
}

// Lookup returns the command of that name, in any case, or nil. It does not look at
// sub-commands; Find does.
func (c *Commands) Lookup(name []byte) *Command {
	if len(name) == 0 {
		return nil
	}
	word := nameWord(name)
	for i := slot(word, c.shift); ; i++ {
		cell := &c.cells[i&uint64(len(c.cells)-1)]
		if cell.command == nil {
			return nil
		}
		if cell.word != word || len(cell.command.Name) != len(name) {
			continue
		}
		if len(name) <= 8 || equalFold(name, cell.command.Name) {
			return cell.command
		}
	}
}

// Find returns the row of a request: the sub-command's when it names one, else its
// command's, or nil. A container is returned when the sub-command is missing (then
// CheckArity fails) or unknown (then AppendUnknownSub has the error).
func (c *Commands) Find(r *Request) *Command {
	cmd := c.Lookup(r.Arg(0))
	if cmd == nil || cmd.subs == nil || r.Len() < 2 {
		return cmd
	}
	if sub := cmd.Sub(r.Arg(1)); sub != nil {
		return sub
	}
	return cmd
}

// All returns every command and sub-command; the index is the ID.
func (c *Commands) All() []*Command { return slices.Clone(c.all) }

// Len returns how many there are, sub-commands included.
func (c *Commands) Len() int { return len(c.all) }

// AppendUnknownSub appends Redis' error for a sub-command that does not exist. The request
// has at least two arguments.
func AppendUnknownSub(dst []byte, r *Request) []byte {
	dst = append(dst, "-ERR unknown subcommand '"...)
	dst = appendQuoted(dst, r.Arg(1), quotedArg)
	dst = append(dst, "'. Try "...)
	name := r.Arg(0)
	for _, b := range name[:min(len(name), quotedArg)] {
		if 'a' <= b && b <= 'z' {
			b -= 'a' - 'A'
		}
		dst = appendQuoted(dst, []byte{b}, 1)
	}
	return append(dst, " HELP."+CRLF...)
}

// slot is Fibonacci hashing: the product's high bits depend on all bits of the word.
func slot(word uint64, shift uint8) uint64 { return word * 0x9E3779B97F4A7C15 >> (shift & 63) }

// nameWord folds a name, which is not empty, into a word. Names of at most 8 bytes have the
// same word only if they are equal or differ in length.
func nameWord(name []byte) uint64 {
	n := len(name)
	switch {
	case n > 8:
		head := lower8(binary.LittleEndian.Uint64(name))
		tail := lower8(binary.LittleEndian.Uint64(name[n-8:]))
		return head ^ bits.RotateLeft64(tail, 29)
	case n >= 4:
		head := binary.LittleEndian.Uint32(name)
		tail := binary.LittleEndian.Uint32(name[n-4:])
		return lower8(uint64(head) | uint64(tail)<<32)
	default:
		return lower8(uint64(name[0]) | uint64(name[n/2])<<8 | uint64(name[n-1])<<16)
	}
}

// lower8 lowers the ASCII letters among 8 bytes at once: of each byte's low 7 bits, two
// additions carry into bit 7 where it is at least 'A', and where it is beyond 'Z'.
func lower8(w uint64) uint64 {
	const ones = 0x0101010101010101
	low := w &^ (0x80 * ones)
	fromA := low + (0x80-'A')*ones
	pastZ := low + (0x80-'Z'-1)*ones
	upper := (fromA ^ pastZ) &^ w & (0x80 * ones)
	return w | upper>>2
}
