package main

// faults are all cases, in the order of the catalogue.
var faults = []*fault{
	{name: "F1", what: "master killed", plan: twoGroups, inject: killMaster},
	{name: "F1s", what: "master killed, Sentinels decide, two proxies", plan: guarded, inject: killMaster},
	{name: "F2", what: "master stopped for longer than down_after", inject: stopMaster},
	{name: "F2l", what: "master stopped while replication is late: the loss is told", plan: wired, inject: stopLate},
	{name: "F2s", what: "master stopped, Sentinels decide, two proxies", plan: guarded, inject: stopMaster},
	{name: "F3", what: "master stalls for 3 s", inject: stallLong},
	{name: "F3b", what: "master stalls for 0.9 s", inject: stallShort},
	{name: "F4", what: "master runs a script for 7 s", inject: busyScript},
	{name: "F5", what: "master cut off from everybody", plan: wired, inject: cutMaster},
	{name: "F5s", what: "master cut off from everybody, Sentinels decide", plan: guardedWired, inject: cutMaster},
	{name: "F6", what: "proxy cut off from the master, replicas are not", plan: wired, inject: blindProxy},
	{name: "F7", what: "replicas cut off from the master, the proxy is not", plan: wired, inject: cutReplicas},
	{name: "F8", what: "what the master says to the proxy is lost", plan: wired, inject: muteMaster},
	{name: "F9", what: "master, 1 of 4 replicas and a proxy cut off from all others and the Sentinels", plan: inHalves(5, 0), inject: cutInHalves},
	{name: "F9m", what: "group of 3 with a Sentinel beside each, one of them cut off with a proxy", plan: inHalves(3, 2), inject: cutTheFew},
	{name: "F9e", what: "group of 4 cut into equal halves", plan: inHalves(4, 0), inject: cutEvenly},
	{name: "F10", what: "connections to the master half open", plan: wired, inject: halfOpen},
	{name: "F11", what: "a replica accepts and never answers", inject: neverAnswers},
	{name: "F12", what: "master out of client connections", inject: fullHouse},
	{name: "F13", what: "replica killed, another one stopped", inject: hurtReplicas},
	{name: "F14", what: "replica loads a full copy", plan: slowLoading, inject: loadingReplica},
	{name: "F15", what: "replication is late by 300 ms and more", plan: wired, inject: lateReplicas},
	{name: "F16", what: "replica of another master, writable replica", inject: wrongMaster},
	{name: "F17", what: "old master returns, empty and with its old configuration", inject: oldMasterReturns},
	{name: "F18", what: "master restarts empty at once", plan: wired, inject: emptyRestart},
	{name: "F19", what: "another group's server on the master's address", plan: wired, inject: foreigner},
	{name: "F20", what: "master changed by hand", inject: changedByHand},
	{name: "F21", what: "two masters when the proxy starts", inject: twoMasters, free: true},
	{name: "F22", what: "master cannot save for 6 s (MISCONF)", inject: misconfBriefly},
	{name: "F22b", what: "master cannot save for longer than down_misconf", inject: misconfLong},
	{name: "F23", what: "master out of memory", inject: outOfMemory},
	{name: "F24", what: "master waits for its disk, 5 times 0.6 s or 3 times 2 to 3 s", plan: appending, inject: slowDisk},
	{name: "F25", what: "candidate dies while it is promoted", plan: wired, inject: candidateDies},
	{name: "F26", what: "monitor ends at a fail point", plan: failing("exit"), inject: monitorEnds, free: true},
	{name: "F26b", what: "monitor stands still at a fail point", plan: failing("stop"), inject: monitorEnds, free: true},
	{name: "F27", what: "proxy stopped for 10 s", inject: stopProxy},
	{name: "F28", what: "servers' calendars jump by an hour", plan: jumping, inject: clockJumps},
	{name: "F28s", what: "servers' and Sentinels' calendars jump by an hour", plan: jumpingGuarded, inject: clockJumps},
	{name: "F29", what: "DNS fails", plan: byName, inject: dnsOutage},
	{name: "F29m", what: "a name leads to another address", plan: byName, inject: dnsMoved},
	{name: "F29k", what: "master killed while DNS fails", plan: byName, inject: dnsFailover},
	{name: "F30", what: "Sentinels stale, few, or gone", plan: guarded, inject: badSentinels},
	{name: "F31", what: "one of two proxies hears of the failover 5 s late", plan: lateNews, inject: lateProxy},
	{name: "F32", what: "switchovers", plan: twoGroups, inject: switchovers},
	{name: "F32f", what: "switchovers, --fast", inject: fastSwitchovers},
	{name: "F32s", what: "switchovers, Sentinels and two proxies", plan: guarded, inject: switchovers},
	{name: "F32fo", what: "--fast, its target is killed as master and is back with older data", inject: targetFalls(fall{fast: true})},
	{name: "F32fe", what: "the same, back with none", inject: targetFalls(fall{fast: true, after: noData})},
	{name: "F32fa", what: "the same, back from an append-only file", inject: targetFalls(fall{fast: true, ready: keepsLog})},
	{name: "F32o", what: "switchover, its target is killed as master and is back with older data", inject: targetFalls(fall{})},
	{name: "F32e", what: "the same, back with none", inject: targetFalls(fall{after: noData})},
	{name: "F32a", what: "the same, back from an append-only file", inject: targetFalls(fall{ready: keepsLog})},
	{name: "F33", what: "switchover to a server that does not answer", inject: switchoverRefused},
	{name: "F34", what: "proxy replaced by a successor, three times", plan: rolling, mix: busy, inject: rollingRestart, free: true},
	{name: "F34s", what: "the same, Sentinels and two proxies", plan: rollingGuarded, mix: busy, inject: rollingRestart, free: true},
	{name: "F34k", what: "master killed while the proxy is replaced", plan: rolling, mix: busy, inject: restartInFailover, free: true},
	{name: "F34ks", what: "the same, Sentinels and two proxies", plan: rollingGuarded, mix: busy, inject: restartInFailover, free: true},
	{name: "F36", what: "password changed on all servers", inject: newPassword},
	{name: "F37", what: "master killed under 500 clients", inject: killMaster, crowd: 500},
	{name: "F41", what: "replies garbled", plan: wired, inject: garbledReplies},
	{name: "F44", what: "master flaps, 3 s up and 3 s down", inject: flapping},
	{name: "F45", what: "master and secondary killed", inject: killTwo},
}

func twoGroups(p *plan) { p.groups = 2 }

func wired(p *plan) { p.wired = true }

// guarded has Sentinels and two proxies.
func guarded(p *plan) { p.mode, p.proxies, p.sentinels = "sentinel", 2, 3 }

func guardedWired(p *plan) {
	guarded(p)
	wired(p)
}

// lateNews has wires between the second proxy and the Sentinels.
func lateNews(p *plan) {
	guarded(p)
	p.distant = true
}

// slowLoading makes a replica answer LOADING for seconds.
func slowLoading(p *plan) {
	p.redis = []string{"key-load-delay 15", "loading-process-events-interval-bytes 1024"}
}

// failing has the proxy meet one of its fail points; the seed says which.
func failing(how string) func(*plan) {
	return func(p *plan) { p.failpoint = how }
}
