package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// demoGroups is how many groups a demo has; each has as many members as there are roles.
const demoGroups = 2

// castTime is how long the servers of a demo may take to be in sync.
const castTime = time.Minute

// castInProcess starts one miniredis per group in this process.
func castInProcess() (*cast, error) {
	var servers []*miniredis.Miniredis
	c := &cast{
		kind: "masters of one process, there being no redis-server on PATH; they cannot show replication, reads from replicas or failover",
		stop: func() {
			for _, s := range servers {
				s.Close()
			}
		},
	}
	for range demoGroups {
		s := miniredis.NewMiniRedis()
		if err := s.StartAddr("127.0.0.1:0"); err != nil {
			return c, fmt.Errorf("starting a server in this process: %w", err)
		}
		s.Server().SetPreHook(informed)
		servers = append(servers, s)
		c.groups = append(c.groups, []string{s.Addr()})
	}
	return c, nil
}

// informed answers INFO for a server of castInProcess, which does not say itself that it is a
// master, and well.
func informed(c *server.Peer, cmd string, _ ...string) bool {
	if !strings.EqualFold(cmd, "INFO") {
		return false
	}
	c.WriteBulk("# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n# Persistence\r\nloading:0\r\n" +
		"# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:" + strings.Repeat("0", 39) + "1" +
		"\r\nmaster_replid2:" + strings.Repeat("0", 40) + "\r\nmaster_repl_offset:0\r\nsecond_repl_offset:-1\r\n# Keyspace\r\n")
	return true
}

// castProcesses starts redis-server processes that replicate and waits until they are in
// sync. The cast is returned with an error too, to be stopped.
func castProcesses(ctx context.Context, program, dir string) (*cast, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, castTime, errors.New("the servers were not in sync within a minute"))
	defer cancel()
	logging.Disable() // refused connections are what waiting for a server consists of
	var started []*redisServer
	c := &cast{kind: "redis-server processes that replicate", pids: map[string]int{}, stop: func() { stopAll(started) }}
	for range demoGroups {
		var members []string
		for range demoRoles {
			s, err := startRedis(ctx, program, dir, members)
			if err != nil {
				return c, err
			}
			started = append(started, s)
			members = append(members, s.addr)
			c.pids[s.addr] = s.cmd.Process.Pid
		}
		c.groups = append(c.groups, members)
	}
	for i, s := range started {
		if i%len(demoRoles) == 0 {
			continue // a master
		}
		if err := s.await(ctx, inSync); err != nil {
			return c, fmt.Errorf("waiting for the replica %s: %w", s.addr, err)
		}
	}
	return c, nil
}

// A redisServer is a child process.
type redisServer struct {
	addr string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// tries is how often another port is tried when the one that was free a moment ago is not.
const tries = 5

// startRedis starts a server on a free loopback port and waits until it answers. It follows
// the first of the members, if there is one.
func startRedis(ctx context.Context, program, dir string, members []string) (*redisServer, error) {
	var err error
	for range tries {
		var s *redisServer
		if s, err = launch(program, dir, members); err != nil {
			return nil, err
		}
		if err = s.await(ctx, answers); err == nil {
			return s, nil
		}
		stopAll([]*redisServer{s})
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("starting redis-server (its log is in %s): %w", dir, err)
}

// launch starts a server process.
func launch(program, dir string, members []string) (*redisServer, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "redis-"+port)
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	args := []string{"--bind", host, "--port", port, "--dir", home, "--logfile", filepath.Join(home, "log"),
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--repl-diskless-sync-delay", "0"}
	if len(members) > 0 {
		masterHost, masterPort, err := net.SplitHostPort(members[0])
		if err != nil {
			return nil, err
		}
		args = append(args, "--replicaof", masterHost, masterPort)
	}
	cmd := exec.Command(program, args...)
	// In a group of its own a Ctrl-C does not reach it before the proxy has drained; should
	// this process be killed, the kernel ends it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &redisServer{addr: addr, cmd: cmd, done: make(chan struct{})}
	go func() {
		cmd.Wait()
		close(s.done)
	}()
	return s, nil
}

// await asks the server until look is content, the server has ended, or ctx is over.
func (s *redisServer) await(ctx context.Context, look func(context.Context, *redis.Client) bool) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		if s.looks(ctx, look) {
			return nil
		}
		select {
		case <-s.done:
			return errors.New("it has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-again.C:
		}
	}
}

// looks has one look with a client of its own: one that was refused once would not dial
// again for a second.
func (s *redisServer) looks(ctx context.Context, look func(context.Context, *redis.Client) bool) bool {
	client := redis.NewClient(&redis.Options{
		Addr: s.addr, PoolSize: 1, MaxRetries: -1, DialerRetries: 1, DisableIdentity: true, Protocol: 2,
		DialTimeout: time.Second, ReadTimeout: time.Second,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer client.Close()
	return look(ctx, client)
}

// answers tells whether a server answers.
func answers(ctx context.Context, c *redis.Client) bool { return c.Ping(ctx).Err() == nil }

// inSync tells whether a replica has all that its master has.
func inSync(ctx context.Context, c *redis.Client) bool {
	info, err := c.Info(ctx, "replication").Result()
	return err == nil && strings.Contains(info, "master_link_status:up")
}

// stopAll ends servers, the replicas first: a replica that loses its master would log that
// until its own end.
func stopAll(servers []*redisServer) {
	for i := len(servers) - 1; i >= 0; i-- {
		servers[i].cmd.Process.Signal(syscall.SIGTERM)
	}
	late := time.After(5 * time.Second)
	for _, s := range servers {
		select {
		case <-s.done:
		case <-late:
			s.cmd.Process.Kill()
			<-s.done
		}
	}
}
