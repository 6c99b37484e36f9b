package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// A load is one way to run redis-benchmark. Keys are always drawn at random over the whole
// key space, hence over all servers.
type load struct {
	name     string // what -loads selects by
	title    string // what the report calls it
	command  string // get, set or mget
	clients  int    // connections
	pipeline int    // requests that each sends at once
	size     int    // bytes of a value
	keys     int    // keys per request
	space    int    // number of distinct keys
	warm     int    // requests of the warm-up, 0.1 to 0.5 s of them
}

// loads are the rows of the matrix.
var loads = []load{
	{"get", "GET 3 B, 50 clients", "get", 50, 1, 3, 1, 100000, 10000},
	{"set", "SET 3 B, 50 clients", "set", 50, 1, 3, 1, 100000, 10000},
	{"get-p16", "GET 3 B, 50 clients, pipeline 16", "get", 50, 16, 3, 1, 100000, 80000},
	{"get-p100", "GET 3 B, 50 clients, pipeline 100", "get", 50, 100, 3, 1, 100000, 100000},
	{"get-c1", "GET 3 B, 1 client", "get", 1, 1, 3, 1, 100000, 4000},
	{"set-1k", "SET 1 KiB, 50 clients", "set", 50, 1, 1 << 10, 1, 20000, 10000},
	{"set-16k", "SET 16 KiB, 50 clients", "set", 50, 1, 16 << 10, 1, 1000, 5000},
	{"get-16k", "GET 16 KiB, 50 clients", "get", 50, 1, 16 << 10, 1, 1000, 5000},
	{"get-c1000", "GET 3 B, 1000 clients", "get", 1000, 1, 3, 1, 100000, 10000},
	{"mget", "MGET of 20 keys, 50 clients", "mget", 50, 1, 3, 20, 100000, 3000},
}

// named returns the load of that name, which must exist.
func named(name string) load {
	i := slices.IndexFunc(loads, func(l load) bool { return l.name == name })
	return loads[i]
}

// withClients returns the same load from another number of connections.
func (l load) withClients(n int) load {
	l.clients = n
	l.name = fmt.Sprintf("get-c%d", n)
	l.title = fmt.Sprintf("GET 3 B, %d clients", n)
	l.warm = max(l.warm, 2*n)
	return l
}

// A figure is what redis-benchmark says of one run.
type figure struct {
	rate     float64 // requests per second
	p50, p99 float64 // milliseconds
}

// args returns redis-benchmark's command line for n requests.
func (l load) args(addr string, n int) []string {
	host, port, _ := strings.Cut(addr, ":")
	args := []string{"-h", host, "-p", port, "-c", strconv.Itoa(l.clients), "-P", strconv.Itoa(l.pipeline),
		"-n", strconv.Itoa(n), "-r", strconv.Itoa(l.space), "-d", strconv.Itoa(l.size), "--csv"}
	if l.command != "mget" {
		return append(args, "-t", l.command)
	}
	args = append(args, "MGET")
	for range l.keys {
		args = append(args, "key:__rand_int__")
	}
	return args
}

// run sends n requests to addr.
func (l load) run(ctx context.Context, addr string, n int) (figure, error) {
	cmd := exec.CommandContext(ctx, "redis-benchmark", l.args(addr, n)...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return figure{}, fmt.Errorf("redis-benchmark, %s on %s: %w: %s%s", l.name, addr, err,
			out, complaints.String())
	}
	fig, err := parseCSV(string(out))
	if err != nil {
		return fig, fmt.Errorf("redis-benchmark, %s on %s: %w", l.name, addr, err)
	}
	return fig, nil
}

// parseCSV reads what redis-benchmark --csv prints for a single test.
func parseCSV(text string) (figure, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return figure{}, err
	}
	if len(rows) != 2 {
		return figure{}, fmt.Errorf("printed %d lines; want a heading and a result:\n%s", len(rows), text)
	}
	column := func(name string) float64 {
		i := slices.Index(rows[0], name)
		if i < 0 {
			err = fmt.Errorf("printed no column %s: %v", name, rows[0])
			return 0
		}
		f, bad := strconv.ParseFloat(rows[1][i], 64)
		err = errors.Join(err, bad)
		return f
	}
	return figure{column("rps"), column("p50_latency_ms"), column("p99_latency_ms")}, err
}
