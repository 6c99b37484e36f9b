// Package config turns one file into one validated, immutable Config, or into a list of
// everything that is wrong with it.
//
// # What it reads
//
// Two formats, told apart by the file's ending or else by its first line:
//
//   - TOML, Huntaway's own. Defaults prints it with every key explained.
//   - nutcracker.yml, twemproxy's, with all keys of twemproxy 0.5.0 and with the server lines
//     of the first Huntaway ("host:port:weight|gid:group-weight:role [name]"). A file that
//     twemproxy serves from Redis loads unchanged and means the same: the same defaults,
//     the same ring labels. Pools may also use the keys of a TOML pool under their TOML
//     names.
//
// # How
//
//	file ──▶ tree of nodes with places ──▶ rows of the key table ──▶ judges ──▶ Config
//	         toml.go, yaml.go              row.go, keys.go           check.go
//	         node.go, source.go            reader.go, pool.go        group.go
//
// Both parsers make the same tree, whose nodes know where they stood, so everything after
// is written once and every problem has a line and a column. keys.go holds one row for each
// key: name, kind, bounds, defaults of both formats, explanation. The decoder, the defaults,
// the environment overrides, the suggestions for misspelt keys, the example (Defaults), the
// writer (WriteTOML) and the manual (Manual) are all made from these rows; tests hold the
// rows and the structs of config.go together. Changes compares two Configs by the same
// rows, for a reload.
//
// # What it refuses
//
//   - Unknown keys, keys given twice, numbers without units, sizes in units that people
//     read differently ("64MB").
//   - In nutcracker.yml what twemproxy itself refuses, such as flow style and documents, so
//     that going back stays possible; and in addition what twemproxy accepts by accident:
//     numbers that overflow, file modes that are not octal, servers without a host.
//   - Contradictions: two masters in a group, one address twice, two pools on one port.
//     Both lines are named.
//
// It uses no network and resolves no names: "huntaway check" works anywhere. It opens the
// file it is given and the files that secrets name, regular files only, of bounded length.
//
// # Secrets
//
// A Secret prints as ***; Reveal is the only way to its text. Problems never show one: the
// source line is cut where a secret starts, also in lines that no parser understood, as far
// as the key can be recognised.
//
// # Rules
//
// The package imports nothing of ours; only cmd imports it. It starts no goroutine and has
// no mutable state; a Config belongs to its caller and is not written to after ApplyEnv.
// Package shard has its own lists of hashes, distributions and read policies:
// TestShardKnowsWhatConfigNames builds with each of Hashes, Distributions and ReadPolicies.
package config
