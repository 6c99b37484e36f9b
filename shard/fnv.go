package shard

// The FNV constants of 32 bits, and the low halves of those of 64. twemproxy cuts its 64-bit
// results down to 32, and the high half of a product never reaches the low half, so all of
// it is done in 32 bits.
const (
	fnvPrime32  = 16777619
	fnvOffset32 = 2166136261
	fnvPrime64  = 0x1b3
	fnvOffset64 = 0x84222325
)

func fnv1x64(key []byte) uint64  { return fnv1(key, fnvOffset64, fnvPrime64) }
func fnv1ax64(key []byte) uint64 { return fnv1a(key, fnvOffset64, fnvPrime64) }
func fnv1x32(key []byte) uint64  { return fnv1(key, fnvOffset32, fnvPrime32) }
func fnv1ax32(key []byte) uint64 { return fnv1a(key, fnvOffset32, fnvPrime32) }

// fnv1 multiplies, then mixes in a byte.
func fnv1(key []byte, h, prime uint32) uint64 {
	if len(key) == 0 {
		return 0
	}
	for _, c := range key {
		h *= prime
		h ^= signed(c)
	}
	return uint64(h)
}

// fnv1a mixes in a byte, then multiplies.
func fnv1a(key []byte, h, prime uint32) uint64 {
	if len(key) == 0 {
		return 0
	}
	for _, c := range key {
		h ^= signed(c)
		h *= prime
	}
	return uint64(h)
}

// signed widens a byte as C widens a signed char: 0x80 becomes 0xffffff80. Several of
// twemproxy's hashes do so, and keys outside ASCII are placed by it.
func signed(c byte) uint32 { return uint32(int8(c)) }
