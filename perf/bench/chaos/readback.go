package main

import (
	"fmt"

	"github.com/gomodule/redigo/redis"

	"huntaway/perf/bench/history"
)

// readBack reads everything that clients wrote from the masters themselves.
func (f *field) readBack() (history.Final, error) {
	all := history.Final{Lists: map[string][]string{}, Counters: map[string]int64{},
		Registers: map[string]int64{}, Banks: map[string]int64{}}
	for _, g := range f.groups {
		m := g.master()
		if m == nil {
			return all, fmt.Errorf("group %s has no master, or more than one", g.name)
		}
		conn, err := m.direct()
		if err != nil {
			return all, fmt.Errorf("reading back from %s: %w", m.name, err)
		}
		err = readGroup(conn, g, &all)
		conn.Close()
		if err != nil {
			return all, fmt.Errorf("reading back from %s: %w", m.name, err)
		}
	}
	return all, nil
}

// readGroup reads one group's keys; the letter in front tells what they are.
func readGroup(conn redis.Conn, g *group, into *history.Final) error {
	keys, err := redis.Strings(conn.Do("KEYS", "?:{"+g.post.tag+"}*"))
	if err != nil {
		return err
	}
	for _, key := range keys {
		switch key[0] {
		case 'l', 'q':
			into.Lists[key], err = redis.Strings(conn.Do("LRANGE", key, 0, -1))
		case 'c':
			into.Counters[key], err = redis.Int64(conn.Do("GET", key))
		case 'r', 'x', 'y':
			into.Registers[key], err = readRegister(conn, key)
		case 'b':
			var n int64
			n, err = redis.Int64(conn.Do("GET", key))
			into.Banks["b:"+g.name] += n
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

func readRegister(conn redis.Conn, key string) (int64, error) {
	text, err := redis.String(conn.Do("GET", key))
	if err != nil {
		return 0, err
	}
	of, version, ok := versionOf(text)
	if !ok || of != key {
		return 0, fmt.Errorf("holds %.100q, which nobody sent there", text)
	}
	return version, nil
}
