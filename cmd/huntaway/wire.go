package main

import (
	"time"

	"huntaway/codec"
	"huntaway/config"
	"huntaway/ha"
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
		PrivateLinks:    l.PrivateLinks,
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

		Sentinels:      p.Sentinels,
		SentinelAccess: ha.Access{User: p.SentinelUser, Password: p.SentinelPassword.Reveal()},
	}
}
