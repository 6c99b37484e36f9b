package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Settings are what the command line says.
type settings struct {
	duration time.Duration // of the faults
	clients  int           // connections at a time
	seed     uint64        // of everything that is drawn
	groups   int           // of servers
	replicas int           // of each group, beside its master
	loops    int           // event loops of huntaway
	proxy    string        // name of a profile
	program  string        // path of huntaway
	verbs    string        // "": those of the profile

	malicious int  // of the clients: how many attack
	peace     bool // no server is hurt, and no error excused
}

func main() {
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	why, err := soak(ctx, s, func(format string, args ...any) {
		fmt.Printf(format+"\n", args...)
	})
	if err != nil {
		why = append(why, err.Error())
	}
	for _, w := range why {
		fmt.Println("FAILED:", w)
	}
	if len(why) > 0 {
		fmt.Printf("to run it again: go run ./perf/bench/soak -seed %d, with the other flags as they were\n", s.seed)
		os.Exit(1)
	}
	fmt.Println("passed: every reply reached the client that asked")
}

func parse(args []string) (settings, error) {
	var s settings
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.DurationVar(&s.duration, "duration", 10*time.Minute, "how long servers are hurt")
	f.IntVar(&s.clients, "clients", 64, "connections at a time")
	f.Uint64Var(&s.seed, "seed", 0, "of everything that is drawn; 0 draws one")
	f.IntVar(&s.groups, "groups", 3, "groups of servers")
	f.IntVar(&s.replicas, "replicas", 1, "replicas of each group (nutcracker and direct: none)")
	f.IntVar(&s.loops, "loops", 2, "event loops of huntaway")
	f.StringVar(&s.proxy, "proxy", "huntaway", "huntaway, nutcracker or direct (one server, no proxy)")
	f.StringVar(&s.program, "huntaway", "bin/huntaway", "the program under test")
	f.StringVar(&s.verbs, "verbs", "", "what is sent: echo,set,get,mget,eval,evalerr,wrong,unknown; empty: what the proxy knows")
	f.IntVar(&s.malicious, "malicious", -1, "of the clients, how many are malicious; -1: a quarter before huntaway, else none")
	f.BoolVar(&s.peace, "peace", false, "hurt no server; then no error is excused either")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	if s.malicious < 0 && s.proxy == "huntaway" {
		s.malicious = s.clients / 4
	}
	s.malicious = max(s.malicious, 0)
	if s.clients <= s.malicious {
		return s, errors.New("-malicious must leave some of the -clients honest")
	}
	if s.duration <= 0 || s.clients < 1 || s.groups < 1 || s.replicas < 0 || s.loops < 1 {
		return s, errors.New("-duration, -clients, -groups and -loops must be positive, -replicas not negative")
	}
	if s.seed == 0 {
		s.seed = uint64(time.Now().UnixNano())
	}
	return s, nil
}
