package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

// request reads one request and returns its words.
func request(in *bufio.Reader) (words []string, err error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.Trim(line, "*\r\n"))
	if err != nil {
		return nil, err
	}
	for range n {
		if line, err = in.ReadString('\n'); err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(strings.Trim(line, "$\r\n"))
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words = append(words, string(word[:size]))
	}
	return words, nil
}

// rogue starts a server that greets well and answers MGET without an end.
func rogue(t *testing.T, head, and string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	chunk := []byte(strings.Repeat(and, 16<<10))
	talk := func(c net.Conn) {
		defer c.Close()
		for in := bufio.NewReader(c); ; {
			words, err := request(in)
			switch {
			case err != nil:
				return
			case words[0] == "PING":
				io.WriteString(c, "+PONG\r\n")
			case words[0] == "ECHO": // a canary
				fmt.Fprintf(c, "$%d\r\n%s\r\n", len(words[1]), words[1])
			case words[0] == "MGET":
				for _, err = io.WriteString(c, head); err == nil; {
					_, err = c.Write(chunk)
				}
				return
			default:
				io.WriteString(c, "+OK\r\n")
			}
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go talk(c)
		}
	}()
	return ln.Addr().String()
}

// peakOf returns how many bytes of memory a process has had at most.
func peakOf(t *testing.T, pid int) (bytes int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("SKIPPED LOUDLY: no /proc:", err)
	}
	for line := range strings.Lines(string(text)) {
		if kib, is := strings.CutPrefix(line, "VmHWM:"); is {
			n, err := strconv.ParseInt(strings.Fields(kib)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Skip("SKIPPED LOUDLY: no VmHWM in /proc")
	return 0
}

// dialed connects as soon as somebody listens.
func dialed(t *testing.T, addr string) (c net.Conn) {
	t.Helper()
	eventually(t, "a listener at "+addr, func() bool {
		var err error
		c, err = net.Dial("tcp", addr)
		return err == nil
	})
	t.Cleanup(func() { c.Close() })
	return c
}
