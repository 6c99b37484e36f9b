package main

import (
	"os"
	"path/filepath"
	"time"

	"huntaway/codec"
	"huntaway/config"
	"huntaway/ha"
	"huntaway/ha/failover"
	"huntaway/loop"
	"huntaway/shard"
)

// poolOptions translates a pool for the data path.
func poolOptions(p *config.Pool, table *shard.Table) (loop.PoolOptions, error) {
	policy, err := shard.ParseReadPolicy(p.ReadPolicy)
	if err != nil {
		return loop.PoolOptions{}, err
	}
	return loop.PoolOptions{
		Name:              p.Name,
		Commands:          codec.Default(),
		Table:             table,
		Timeout:           p.Timeout,
		ServerConnections: p.ServerConnections,
		Preconnect:        p.Preconnect,
		TCPKeepalive:      p.TCPKeepalive,
		ClientConnections: p.ClientConnections,
		Password:          p.Password.Reveal(),
		ServerUser:        p.ServerUser,
		ServerPassword:    p.ServerPassword.Reveal(),
		DB:                p.DB,
		Databases:         p.Databases,
		AdminCommands:     p.AdminCommands,
		ReadPolicy:        policy,
		ReadYourWrites:    p.ReadYourWrites,
		HoldTimeout:       p.HoldTimeout,
		HoldBytes:         p.HoldBytes,
		HoldRequests:      p.HoldRequests,
		Limits:            loopLimits(&p.Limits),
	}, nil
}

// loopLimits translates limits. The data path takes a negative time for "for ever" where 0
// is its default; in a file 0 is "for ever".
func loopLimits(l *config.Limits) loop.Limits {
	return loop.Limits{
		RequestBytes:    l.RequestBytes,
		BulkBytes:       l.BulkBytes,
		Args:            l.Args,
		InlineBytes:     l.InlineBytes,
		Pipeline:        l.Pipeline,
		OutputBytes:     l.OutputBytes,
		OutputSoftBytes: l.OutputSoftBytes,
		OutputSoftTime:  l.OutputSoftTime,
		LinkQueueBytes:  l.LinkQueueBytes,
		RequestTime:     forEver(l.RequestTime),
		IdleTime:        l.IdleTime,
		AuthTime:        forEver(l.AuthTime),
		MaxMemory:       l.MaxMemory,
		PrivateLinks:    l.PrivateLinks,
		LinksPerAddress: l.LinksPerAddress,
		ScriptBytes:     l.ScriptBytes,
		QueuedBytes:     l.QueuedBytes,
		Subscriptions:   l.Subscriptions,
	}
}

// forEver turns a file's "for ever", 0, into the data path's.
func forEver(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// watchOptions translates a pool for the monitor.
func watchOptions(p *config.Pool, publisher ha.Publisher) ha.PoolOptions {
	return ha.PoolOptions{
		Name:          p.Name,
		Publisher:     publisher,
		Access:        ha.Access{User: p.ServerUser, Password: p.ServerPassword.Reveal()},
		ProbeInterval: p.ProbeInterval,
		MaxLag:        p.MaxLag,
		MaxLagBytes:   p.MaxLagBytes,
		AutoEject:     p.AutoEjectHosts,
		FailureLimit:  p.ServerFailureLimit,
		RetryTimeout:  p.ServerRetryTimeout,

		Failover:  failoverOptions(p),
		NoRewrite: !p.ConfigRewrite,

		Sentinels:      p.Sentinels,
		SentinelAccess: ha.Access{User: p.SentinelUser, Password: p.SentinelPassword.Reveal()},

		Cluster: p.Failover == config.FailoverCluster,
		Entries: entriesOf(p),
	}
}

// watchOptions translates a pool for the monitor, which gives the servers of a Redis Cluster
// their numbers.
func (s *served) watchOptions(p *config.Pool) ha.PoolOptions {
	o := watchOptions(p, s.ledger)
	o.IDs = &s.ids
	o.Access.Dial, o.SentinelAccess.Dial = s.dial, s.dial
	if o.StateDir = s.stateDir; s.follows {
		o.StateDir, o.StateFrom = "", s.stateDir // another process writes there
		if o.Failover.Mode == failover.Local {
			o.Failover.Mode = failover.Observe
		}
	}
	return o
}

// failoverOptions translates who decides about a pool's masters, and when. A time of 0 is the
// monitor's default, but for down_busy, where it is "never" in both.
func failoverOptions(p *config.Pool) failover.Options {
	modes := map[string]failover.Mode{"local": failover.Local, "sentinel": failover.Sentinel}
	return failover.Options{
		Mode:        modes[p.Failover], // any other is Observe
		DownRefused: int64(p.DownRefused),
		DownSilence: int64(p.DownAfter),
		DownMisconf: int64(p.DownMisconf),
		DownBusy:    int64(p.DownBusy),
		Hold:        int64(p.HoldTimeout),
		MinInterval: int64(p.FailoverInterval),
		HourlyCap:   p.FailoversPerHour,
		MaxGap:      p.CandidateGap,
		WaitK:       p.WaitReplicas,
		SelfFence:   p.SelfFence,
		DryRun:      p.FailoverDryRun,
	}
}

// stateDir returns where the state of failovers is kept: where the configuration says, else
// what systemd has made for the service, else a place in the user's home; "" without a home.
func stateDir(r *config.Runtime) string {
	if r.StateDir != "" {
		return r.StateDir
	}
	if dirs := filepath.SplitList(os.Getenv("STATE_DIRECTORY")); len(dirs) > 0 {
		return dirs[0]
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "huntaway")
}
