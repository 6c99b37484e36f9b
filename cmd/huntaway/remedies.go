package main

import (
	"slices"
	"strings"

	"huntaway/ha"
)

// remedies say what ends a state of a server, by its reason; the others end by themselves, or their cause is
// in the server's own words.
var remedies = map[string]string{
	"down":         "start it, or see why it refuses connections",
	"silent":       "look at the server and at the network between",
	"unresolved":   "see why this host finds no address for its name: DNS, /etc/hosts; or write its address into the file",
	"loading":      "it reads its data, and serves when it has",
	"syncing":      "it copies its master, and serves when it has",
	"unsynced":     "it has not had its master's data since it was started: when that has not begun within its master's repl-diskless-sync-delay (5 s) see in both logs why",
	"stale-link":   "see why it has no link to its master: the network, masterauth, or requirepass",
	"wrong-role":   "if it should be a replica here make it one (REPLICAOF, which throws away what it has), or take it out of the group in the file",
	"wrong-master": "if it follows another server have it follow the group's master (REPLICAOF, which throws away what it has), or take it out of the group in the file; if it follows that one, what that has come back with is not what the group had, and it serves when that is believed",
	"writable":     "CONFIG SET replica-read-only yes",
	"auth-failed":  "let server_user and server_password of the pool be what the server asks for (ACL LIST, requirepass)",
	"busy":         "wait for the script, or end it there: SCRIPT KILL, or FUNCTION KILL",
}

// remedy says what ends the state that the server is in. A right that is missing is no wrong password.
func (s *statusServer) remedy() string {
	if s.State == ha.Warming.String() {
		return "nothing: it is well again, and serves after some good probes; where it left within a minute of its last return, after 10 s, and twice as long each time"
	}
	if strings.HasPrefix(s.Error, "NOPERM ") {
		return "let the pool's server_user do there what its words name: ACL SETUSER USER +info +ping; huntaway check --connect names all"
	}
	return remedies[s.Reason]
}

// unresolvedData is the remedy of a server that is beside the master of a group which has yet to be resolved: it may be the last
// one that has what was lost.
const unresolvedData = "leave it as it is until huntaway resolve has ended what is said of the group: whatever follows another server throws away what it has"

// remedyFor is remedy where somebody has to say which of the group's data count.
func (g *statusGroup) remedyFor(s *statusServer) string {
	asks := func(alarm string) bool { return strings.Contains(alarm, "huntaway resolve --group") }
	if (s.Reason == "wrong-role" || s.Reason == "wrong-master") && slices.ContainsFunc(g.Alarms, asks) {
		return unresolvedData
	}
	return s.remedy()
}

// refused says what ends that a server refuses writes, by what it says.
var refused = map[string]string{
	"OOM":        "raise maxmemory there, or set a maxmemory-policy that evicts, or delete data",
	"MISCONF":    "see why it cannot save: its log, the disk",
	"NOREPLICAS": "have as many replicas follow it as min-replicas-to-write says",
}
