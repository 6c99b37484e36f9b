package shard

// IDs gives the servers of one pool their numbers: dense, from 0, and the same for the same
// address in every table that is built with the same IDs. A number is never given to another
// address, so what is indexed by it (links, counters, Vitals) survives a reload.
//
// Owner: whoever calls Build, one goroutine at a time. Tables do not look at it once built.
// The zero value is ready.
type IDs struct {
	given  map[idKey]int32
	vitals []*Vitals // by ID; made once, shared by every table
}

// idKey is an address, and which of its occurrences in the pool is meant: stand-alone groups
// may share a server under different names, and each of them then has an ID of its own.
type idKey struct {
	addr       string
	occurrence int
}

// of returns the ID of a server, a new one if it was never seen.
func (r *IDs) of(key idKey) int32 {
	id, known := r.given[key]
	if known {
		return id
	}
	if r.given == nil {
		r.given = make(map[idKey]int32)
	}
	id = int32(len(r.vitals))
	r.given[key] = id
	r.vitals = append(r.vitals, new(Vitals))
	return id
}
