package main

import (
	"strings"

	"huntaway/codec"
)

// noteOf says where a command differs from that of a single Redis; "" where it does not, or
// where the way it goes says it all.
func noteOf(cmd *codec.Command) string {
	if cmd.Reason != "" {
		return cmd.Reason
	}
	if note, ok := notes[cmd.Name]; ok {
		return note
	}
	parent, _, isSub := strings.Cut(cmd.Name, "|")
	if note, ok := notes[parent+"|*"]; ok && isSub {
		return note
	}
	return policyNotes[cmd.Policy]
}

// policyNotes hold for every command of a policy that has no note of its own.
var policyNotes = map[codec.Policy]string{
	codec.Split: "over several groups it is not atomic",
}

// notes are by name; "name|*" holds for all sub-commands. An empty one says that an answer
// of the proxy is the one that a Redis would give; one that begins with never says why no
// pool passes the command on. TestNotes wants one for each command
// that the proxy answers.
var notes = map[string]string{
	"acl|*":                   "speaks of the one user that a pool has, whose password is in the configuration",
	"acl|cat":                 "commands as the proxy knows them",
	"acl|genpass":             "",
	"asking":                  "clusters are not followed",
	"auth":                    "checks the pool's password; the servers' is the proxy's business",
	"client|caching":          "tracking is not supported",
	"client|capa":             "accepted; none has an effect",
	"client|getname":          "",
	"client|getredir":         "always -1: tracking is not supported",
	"client|help":             "the proxy's own text",
	"client|id":               "the number of the connection to the proxy",
	"client|import-source":    "refused: what expires is the servers' business",
	"client|info":             "about the connection to the proxy",
	"client|kill":             "over the clients of the pool",
	"client|list":             "the clients of the pool",
	"client|no-evict":         "accepted; the proxy evicts no client for what others use",
	"client|no-touch":         "accepted without effect: requests of many clients share a connection",
	"client|pause":            "over the clients of the pool; CLIENT UNPAUSE always passes, EXEC waits as a write does",
	"client|reply":            "not in a transaction, whose reply it would cut in two",
	"client|setinfo":          "",
	"client|setname":          "",
	"client|tracking":         "ON is refused; clients with a cache of their own must be told to do without",
	"client|trackinginfo":     "always off",
	"client|unblock":          "over the clients of the pool",
	"client|unpause":          "",
	"cluster|*":               "as a Redis answers that is no cluster, HELP included",
	"command":                 "what all servers have, as they describe it; until they were heard, what the proxy knows",
	"command|count":           "as COMMAND",
	"command|docs":            "asked of a server; until one was heard without summaries",
	"command|getkeys":         "asked of a server; until one was heard as the proxy knows keys",
	"command|getkeysandflags": "asked of a server; until one was heard every key of a command has the same flags",
	"command|help":            "the proxy's own text",
	"command|info":            "as COMMAND",
	"command|list":            "as COMMAND",
	"config|get":              "what is about clients as the pool has it; how data is kept, as the masters have it: of several the sum of maxmemory, the least, or mixed",
	"config|help":             "the proxy's own text",
	"config|set":              "notify-keyspace-events is accepted when the servers have these events already",
	"copy":                    "DB counts as the servers do, from their database 0",
	"echo":                    "",
	"eval":                    "keys of one group",
	"himport|*":               "refused: what it prepares belongs to a connection, which others share",
	"hello":                   "",
	"info":                    "the master's, with the lines about clients, replication, version and calls from the proxy; of several masters sums, or what they have in common; INFO huntaway tells of the groups",
	"lolwut":                  "the proxy's version, no picture",
	"mget":                    "an error of one group is the error of the whole",
	"migrate":                 "takes keys to where the proxy does not look for them",
	"module|*":                "none: those of the servers are seen by COMMAND",
	"monitor":                 "refused: its stream has no end",
	"move":                    "counts databases as the servers do, from their database 0",
	"ping":                    "says that the proxy is there",
	"psync":                   "refused: its stream has no end",
	"waitaof":                 "refused: servers tell what they have fsynced only to the connection that wrote",
	"publish":                 "the number is of all who hear it here and at the server; another proxy counts as one for each of its event loops, and so does a loop on which somebody is about to subscribe or has just left",
	"quit":                    "",
	"randomkey":               "over several groups the group is drawn first",
	"readonly":                "accepted; who serves reads is read_policy's to say",
	"readwrite":               "accepted",
	"replconf":                "refused: it makes a replica of the connection",
	"reset":                   "",
	"role":                    "a master without replicas, with the offset of the masters",
	"scan":                    "over several groups the cursor holds the group besides",
	"select":                  "as many as the option databases says; each is over connections of its own",
	"sentinel":                "an unknown command, as at a Redis that is no Sentinel",
	"script|debug":            "refused: it would debug what all who share the connection run",
	"sort":                    "patterns of BY and GET must not leave the group",
	"sort_ro":                 "patterns of BY and GET must not leave the group",
	"sync":                    "refused: its stream has no end",
	"time":                    "the proxy's clock",
}
