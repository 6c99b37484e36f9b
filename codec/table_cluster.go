package codec

// clusterRows: Redis Cluster.
var clusterRows = []row{
	{"cluster", -2, 0, nokey, local, "3.0.0"},
	{"clusterscan", -2, rd | cursor, nokey, scan, "9.1.0"},
	{"cluster|addslots", -3, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|addslotsrange", -4, adm | stale | noasync, nokey, local, "7.0.0"},
	{"cluster|bumpepoch", 2, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|count-failure-reports", 3, adm | stale, nokey, local, "3.0.0"},
	{"cluster|countkeysinslot", 3, stale, nokey, local, "3.0.0"},
	{"cluster|delslots", -3, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|delslotsrange", -4, adm | stale | noasync, nokey, local, "7.0.0"},
	{"cluster|failover", -2, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|flushslots", 2, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|forget", 3, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|getkeysinslot", 4, stale, nokey, local, "3.0.0"},
	{"cluster|help", 2, load | stale, nokey, local, "5.0.0"},
	{"cluster|info", 2, stale, nokey, local, "3.0.0"},
	{"cluster|keyslot", 3, stale, nokey, local, "3.0.0"},
	{"cluster|links", 2, stale, nokey, local, "7.0.0"},
	{"cluster|meet", -4, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|myid", 2, stale, nokey, local, "3.0.0"},
	{"cluster|myshardid", 2, load | stale, nokey, local, "7.2.0"},
	{"cluster|nodes", 2, stale, nokey, local, "3.0.0"},
	{"cluster|replicas", 3, adm | stale, nokey, local, "5.0.0"},
	{"cluster|replicate", 3, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|reset", -2, adm | nosc | stale, nokey, local, "3.0.0"},
	{"cluster|saveconfig", 2, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|set-config-epoch", 3, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|setslot", -4, adm | stale | noasync, nokey, local, "3.0.0"},
	{"cluster|shards", 2, stale, nokey, local, "7.0.0"},
	{"cluster|slaves", 3, adm | stale, nokey, local, "3.0.0"},
	{"cluster|slot-stats", -4, load | stale, nokey, local, "8.2.0"},
	{"cluster|slots", 2, stale, nokey, local, "3.0.0"},
}

// clusterClientRows: what cluster clients say at connect.
var clusterClientRows = []row{
	{"asking", 1, fast, nokey, local, "3.0.0"},
	{"readonly", 1, load | stale | fast, nokey, local, "3.0.0"},
	{"readwrite", 1, load | stale | fast, nokey, local, "3.0.0"},
}
