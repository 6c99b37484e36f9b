package ha

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"huntaway/shard"
)

// ServerLimits is how a server bounds one connection, by whose end everybody suffers who shares it.
// Immutable.
type ServerLimits struct {
	Known bool // it has said so

	Bulk  int64 // proto-max-bulk-len: of one argument; 0: not told
	Query int64 // client-query-buffer-limit: of what is read and not executed; 0: not told

	// By what it closes a connection that is owed much; "" where it does not.
	Output        string // of client-output-buffer-limit the words about normal clients
	Subscriptions string // and those about pubsub
	Memory        string // maxmemory-clients
}

// Forks of Redis, and versions, lack some of these; then their defaults hold.
const (
	nameBulk   = "proto-max-bulk-len"
	nameQuery  = "client-query-buffer-limit"
	nameOutput = "client-output-buffer-limit"
	nameMemory = "maxmemory-clients"
)

// LearnLimits asks servers, all at once, how they bound a connection. Each has Access.Timeout to
// answer in; who does not, or does not let us ask, has the zero ServerLimits. In the order of the
// servers.
func LearnLimits(ctx context.Context, servers []shard.Server, a Access) []ServerLimits {
	return askEach(ctx, servers, a, limitsOf)
}

// limitsOf asks one server.
func limitsOf(ctx context.Context, c *redis.Client) ServerLimits {
	var l ServerLimits
	said := map[string]string{}
	for _, name := range []string{nameBulk, nameQuery, nameOutput, nameMemory} { // one by one: before Redis 7 it takes one
		reply, err := c.ConfigGet(ctx, name).Result()
		if err != nil {
			return ServerLimits{}
		}
		said[name] = reply[name]
	}
	l.Known = true
	l.Bulk, l.Query = wholeOf(said[nameBulk]), wholeOf(said[nameQuery])
	if value := said[nameOutput]; !roomForReplies(value, "") {
		l.Output = strings.Join(outputLimits(value, "normal"), " ")
	}
	if value := said[nameOutput]; !roomForMessages(value, "") {
		l.Subscriptions = strings.Join(outputLimits(value, "pubsub"), " ")
	}
	if value := said[nameMemory]; !noEviction(value, "") {
		l.Memory = value
	}
	return l
}

// leastOutput is what a client may be owed at a server before that closes the connection, at least:
// more than the largest value, for what many clients are owed over one link is owed to one client.
const leastOutput = 1 << 30

// outputLimits returns of client-output-buffer-limit the words about a class of connections, but for
// its name: a hard limit, a soft one and its seconds; nil where they cannot be made out.
func outputLimits(value string, class ...string) []string {
	words := strings.Fields(value)
	for i := 0; i+3 < len(words); i += 4 {
		if slices.Contains(class, words[i]) {
			return words[i+1 : i+4]
		}
	}
	return nil
}

// outputRoom tells whether these are no lower than hard and soft; 0 is no limit.
func outputRoom(limits []string, hard, soft int64) bool {
	if limits == nil {
		return true // a fork that has it otherwise
	}
	h, s := wholeOf(limits[0]), wholeOf(limits[1])
	return (h == 0 || h >= hard) && (s == 0 || s >= soft)
}

// roomForReplies looks at the limits of normal clients alone.
func roomForReplies(value, _ string) bool {
	return outputRoom(outputLimits(value, "normal"), leastOutput, leastOutput)
}

// roomForMessages looks at the limits of those who are subscribed alone.
func roomForMessages(value, _ string) bool {
	return outputRoom(outputLimits(value, "pubsub"), leastOutput, leastOutput)
}

// noEviction looks at maxmemory-clients, which is in bytes or a share of maxmemory.
func noEviction(value, _ string) bool {
	share := strings.TrimSuffix(value, "%")
	n, err := strconv.ParseInt(share, 10, 64)
	return err != nil || n == 0
}
