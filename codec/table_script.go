package codec

// transactionRows: transactions.
var transactionRows = []row{
	{"discard", 1, nosc | load | stale | fast | busy, nokey, transaction, "2.0.0"},
	{"exec", 1, nosc | load | stale | noslow, nokey, transaction, "1.2.0"},
	{"multi", 1, nosc | load | stale | fast | busy, nokey, transaction, "1.2.0"},
	{"unwatch", 1, nosc | load | stale | fast | busy, nokey, transaction, "2.2.0"},
	{"watch", -2, nosc | load | stale | fast | busy, keysAll, transaction, "2.2.0"},
}

// scriptingRows: scripts and functions.
var scriptingRows = []row{
	{"eval", -3, nosc | stale | nomon | optkeys | mov | mayrep, keysAt3, forward, "2.6.0"},
	{"eval_ro", -3, rd | nosc | stale | nomon | optkeys | mov, keysAt3, forward, "7.0.0"},
	{"evalsha", -3, nosc | stale | nomon | optkeys | mov | mayrep, keysAt3, forward, "2.6.0"},
	{"evalsha_ro", -3, rd | nosc | stale | nomon | optkeys | mov, keysAt3, forward, "7.0.0"},
	{"fcall", -3, nosc | stale | nomon | optkeys | mov | mayrep, keysAt3F, forward, "7.0.0"},
	{"fcall_ro", -3, rd | nosc | stale | nomon | optkeys | mov, keysAt3F, forward, "7.0.0"},
	{"function", -2, 0, nokey, scriptAdmin, "7.0.0"},
	{"function|delete", 3, wr | nosc, nokey, scriptOK, "7.0.0"},
	{"function|dump", 2, nosc, nokey, scriptAdmin, "7.0.0"},
	{"function|flush", -2, wr | nosc, nokey, scriptOK, "7.0.0"},
	{"function|help", 2, load | stale, nokey, scriptAdmin, "7.0.0"},
	{"function|kill", 2, nosc | busy, nokey, scriptAny, "7.0.0"},
	{"function|list", -2, nosc, nokey, scriptAdmin, "7.0.0"},
	{"function|load", -3, wr | oom | nosc, nokey, scriptAgree, "7.0.0"},
	{"function|restore", -3, wr | oom | nosc, nokey, scriptOK, "7.0.0"},
	{"function|stats", 2, nosc | busy, nokey, scriptAdmin, "7.0.0"},
	{"script", -2, 0, nokey, scriptAdmin, "2.6.0"},
	{"script|debug", 3, nosc, nokey, scriptBarred, "3.2.0"},
	{"script|exists", -3, nosc, nokey, scriptAnd, "2.6.0"},
	{"script|flush", -2, nosc, nokey, scriptOK, "2.6.0"},
	{"script|help", 2, load | stale, nokey, scriptAdmin, "5.0.0"},
	{"script|kill", 2, nosc | busy, nokey, scriptAny, "2.6.0"},
	{"script|load", 3, nosc | stale, nokey, scriptAgree, "2.6.0"},
	{"script|show", 3, nosc | stale, nokey, scriptAdmin, "8.0.0"},
}

// pubsubRows: publish and subscribe.
var pubsubRows = []row{
	{"psubscribe", -2, pub | nosc | load | stale, nokey, pubsub, "2.0.0"},
	{"publish", 3, pub | load | stale | fast | mayrep, nokey, pubsub, "2.0.0"},
	{"pubsub", -2, 0, nokey, pubsub, "2.8.0"},
	{"pubsub|channels", -2, pub | load | stale, nokey, pubsub, "2.8.0"},
	{"pubsub|help", 2, load | stale, nokey, pubsub, "6.2.0"},
	{"pubsub|numpat", 2, pub | load | stale, nokey, pubsub, "2.8.0"},
	{"pubsub|numsub", -2, pub | load | stale, nokey, pubsub, "2.8.0"},
	{"pubsub|shardchannels", -2, pub | load | stale, nokey, pubsub, "7.0.0"},
	{"pubsub|shardnumsub", -2, pub | load | stale, nokey, pubsub, "7.0.0"},
	{"punsubscribe", -1, pub | nosc | load | stale, nokey, pubsub, "2.0.0"},
	{"spublish", 3, pub | load | stale | fast | mayrep, channel1, pubsub, "7.0.0"},
	{"ssubscribe", -2, pub | nosc | load | stale, channelsAll, pubsub, "7.0.0"},
	{"subscribe", -2, pub | nosc | load | stale, nokey, pubsub, "2.0.0"},
	{"sunsubscribe", -1, pub | nosc | load | stale, channelsAll, pubsub, "7.0.0"},
	{"unsubscribe", -1, pub | nosc | load | stale, nokey, pubsub, "2.0.0"},
}
