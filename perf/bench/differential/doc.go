// Package differential sends the same random commands to a redis-server and, through
// Huntaway, to others of the same version, and compares the raw bytes of every reply.
//
// # What is sent
//
// A [Family] is a list of templates for the commands of one kind; [Family.Sequence] makes
// a sequence of requests of them, and some of other families, from a seed. Some are
// spoiled: an argument too many or too few, one that is no number, a name that does not
// exist. Names come in odd case, and requests in the inline form. All families use the same
// few keys, so commands meet values of the wrong type.
//
// A sequence is sent on a fresh connection to emptied servers, in pipelines of 1 to 20
// requests whose bytes are written in pieces of random length.
//
// # What may differ
//
// [Request.loose] says for each command what of its reply Redis does not define or what is
// a matter of time: the order of a set, a random member, a remaining time to live. Nothing
// else may differ. In a pool of several groups a spoiled command may turn out to have keys
// in two of them, or none that can be found. The sequence ends there when Redis went on,
// and is counted; when Redis gave an error too, it may be another one.
//
// # What a failure tells
//
// [Duel.Run] shortens a sequence that makes a difference by leaving requests out, as long
// as there is one. What is left is printed with the seed.
//
// It refuses servers that are not its own: they are emptied before each sequence.
package differential
