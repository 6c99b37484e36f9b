package main

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"huntaway/perf/bench/rig"
)

// A profile is what may be expected of one kind of proxy.
type profile struct {
	name      string
	verbs     string         // for flag -verbs when it is not given
	errors    *regexp.Regexp // what it answers when a server fails
	closes    bool           // it may close connections that keep to the protocol
	halfClose bool           // it answers a client that has closed its writing side
	start     func(context.Context, *rig.Rig, rig.Pool) (*rig.Child, error)
}

// documented are Huntaway's two classes of errors: certainly not executed, and unknown.
var documented = regexp.MustCompile(
	`^(TRYAGAIN huntaway: .*; not executed|ERR huntaway: .*; the command may have been executed)$`)

// never matches no error: Redis alone needs no excuse.
var never = regexp.MustCompile(`[^\s\S]`)

// profileNamed knows huntaway, and two others that the soak itself is tested with.
func profileNamed(name, program string, loops int) (profile, error) {
	all := "echo,set,get,mget,eval,evalerr,wrong,unknown"
	switch name {
	case "huntaway":
		start := func(ctx context.Context, r *rig.Rig, p rig.Pool) (*rig.Child, error) {
			p.Options = append(p.Options, "read_policy: prefer-replica")
			return r.Huntaway(ctx, program, loops, p)
		}
		return profile{name: name, verbs: all, halfClose: true, start: start,
			errors: documented}, nil
	case "nutcracker":
		// It closes a client on a command that it does not know, and has no ECHO.
		return profile{name: name, verbs: "set,get,mget,eval,evalerr,wrong", closes: true,
			start: startNutcracker, errors: regexp.MustCompile(`^ERR (Connection|Host|Resource|Invalid|Broken|unknown$)`)}, nil
	case "direct":
		return profile{name: name, verbs: all, closes: true, errors: never}, nil
	}
	return profile{}, fmt.Errorf("-proxy %q is unknown; want huntaway, nutcracker or direct", name)
}

func startNutcracker(ctx context.Context, r *rig.Rig, p rig.Pool) (*rig.Child, error) {
	return r.Nutcracker(ctx, p)
}

// peaceTimeout is what it gives where none is hurt: they may be slow all the same.
const peaceTimeout = 10 * time.Second

// serverTimeout is what the proxy gives a server to reply; faults last longer.
const serverTimeout = 200 * time.Millisecond
