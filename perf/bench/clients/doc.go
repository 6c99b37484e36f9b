// Package clients holds the tests that drive Huntaway with the clients that people use, in
// their default configuration: nothing is switched off that a proxy would find hard.
//
// Every client runs the same scenario three times: against a redis-server, which proves the
// scenario; through the proxy in front of one group ("single"); and through the proxy in
// front of three groups ("sharded"). What must be together there shares a {tag}.
//
//	step          what happens
//	connect       the client's own handshake
//	ping          PING
//	pipeline      100 commands in one go, keys over all groups
//	transaction   MULTI, writes, EXEC
//	watch         WATCH, a write by somebody else, EXEC that must not run
//	script        EVALSHA that answers NOSCRIPT, EVAL, SCRIPT LOAD, EVALSHA in every group
//	pubsub        SUBSCRIBE, PUBLISH, UNSUBSCRIBE
//	pattern       PSUBSCRIBE, PUBLISH, PUNSUBSCRIBE
//	blocking      BLPOP whose value arrives after the pool's time-out
//	timeout       BLPOP that ends with nothing, also after the pool's time-out
//	scan          1000 keys, each seen exactly once
//	big           a value of 8 MiB
//	shapes        HGETALL and ZRANGE WITHSCORES, whose replies differ in RESP3
//	reconnect     CLIENT KILL from another connection, then business as usual
//
// BullMQ, Celery and Sidekiq run a queue instead: steps connect and jobs, and with Celery
// control, its broadcast to workers.
//
// The Go clients are part of go test. The others are programs in the folders below, which
// print "ok CLIENT POOL STEP" or "FAIL CLIENT POOL STEP: why" for each step; they take
// minutes and need packages, so they run with HUNTAWAY_CLIENTS=all, which is what make
// clients sets. What cannot be installed is skipped with the name of its package.
//
// The package is tests only and imports nothing of the proxy but perf/bench/rig, which
// starts the processes and owns them.
package clients
