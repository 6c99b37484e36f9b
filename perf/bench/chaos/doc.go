// Command chaos is what "make chaos" and "make failover" run: it kills, stops, cuts off and
// confuses real redis-servers, Sentinels and proxies under load, and judges what clients saw.
//
// # A run
//
//	start      a group of three servers (m, n, s), or two groups, a proxy or two, Sentinels
//	           where the case asks for them, all on 127.0.0.1 or in two halves of a network
//	load       clients without retries send pipelines and take down every operation
//	inject     the fault, by its seed
//	recover    every client is served again (I14), everybody names the same master and every
//	           replica follows it (I15), the proxy holds no more than before (I13)
//	read back  from the masters themselves
//	judge      package history: what was acknowledged, lost, doubled, reordered, crossed
//
// A case also says how it knows that the fault was felt: another master, holds, errors, a
// server that is out. A run in which nothing of this was seen proves nothing and fails as
// vacuous.
//
// # Wires
//
// Partitions, half-open connections and garbled replies are made by a wire, a proxy of bytes
// in front of a server, by whose address everybody knows it. Replicas connect from source
// addresses of their own, so a wire can be cut for proxies, for replicas, or for both.
//
// # Halves
//
// A network that is cut through between replicas, Sentinels and proxies is made of network
// namespaces (halves.go): two on one bridge, and packets vanish while the bridge is down. This
// program reaches both all the time. Namespaces bear the program's process id; what one that was
// killed has left is removed by the next. It takes root, and the program ip.
//
// # What it refuses
//
// It needs redis-server, and for some cases ip and strace: a case whose program is missing
// fails and says so. It listens and connects on 127.0.0.0/8 only, but for namespaces of its
// own, and ends no process that it did not start. Times are measured on a machine whose cores
// the load, the servers and the proxies share; they are upper bounds.
//
// # Goroutines
//
// One per client, one that watches the proxies' status pages, and for each wire one that
// accepts and three per connection. The case itself runs on main.
package main
