package shard

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/zeebo/xxh3"
)

// DefaultHash is what a Spec without a hash uses.
const DefaultHash = "xxh3"

// A Hash turns a key, or the part of it between hash tags, into a number. It allocates
// nothing and is the same on every machine: where twemproxy's result depends on whether C's
// char is signed, it is what amd64 does.
type Hash struct {
	Name string              // as the configuration spells it
	Bits int                 // how many low bits of Sum's result can be set
	Sum  func([]byte) uint64 // of the empty key it is 0 for all but xxh3, as in twemproxy
}

// hashes is the one table of what a pool may name. The first twelve are twemproxy 0.5.0's.
var hashes = [...]Hash{
	{"one_at_a_time", 32, oneAtATime},
	{"md5", 32, md5Sum},
	{"crc16", 32, crc16},
	{"crc32", 15, crc32Libmemcached},
	{"crc32a", 32, crc32a},
	{"fnv1_64", 32, fnv1x64},
	{"fnv1a_64", 32, fnv1ax64},
	{"fnv1_32", 32, fnv1x32},
	{"fnv1a_32", 32, fnv1ax32},
	{"hsieh", 32, hsieh},
	{"murmur", 32, murmur},
	{"jenkins", 32, jenkins},
	{"xxh3", 64, xxh3.Hash},
}

// HashNames returns the names ParseHash accepts, twemproxy's first.
func HashNames() []string {
	names := make([]string, len(hashes))
	for i, h := range hashes {
		names[i] = h.Name
	}
	return names
}

// ParseHash returns the hash of that name. The error lists what there is.
func ParseHash(name string) (Hash, error) {
	for _, h := range hashes {
		if h.Name == name {
			return h, nil
		}
	}
	return Hash{}, fmt.Errorf("unknown hash %q%s", name, choices(name, HashNames()))
}

// md5Sum is the first four bytes of the digest, least significant first.
func md5Sum(key []byte) uint64 {
	if len(key) == 0 {
		return 0
	}
	digest := md5.Sum(key)
	return uint64(binary.LittleEndian.Uint32(digest[:]))
}

// crc32a is the CRC-32 of IEEE 802.3 that everybody means by that name.
func crc32a(key []byte) uint64 { return uint64(crc32.ChecksumIEEE(key)) }

// crc32Libmemcached is what libmemcached made of CRC-32: 15 bits out of its middle.
func crc32Libmemcached(key []byte) uint64 { return crc32a(key) >> 16 & 0x7fff }

// crc16Table is for the polynomial 0x1021, most significant bit first.
var crc16Table = func() (table [256]uint32) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			crc = crc<<1 ^ crc>>15*0x1021
		}
		table[i] = uint32(crc)
	}
	return table
}()

// crc16 is not what its name says, from two bytes on: twemproxy keeps the sum in 32 bits and
// never cuts it, so what a CRC-16 shifts out stays in the upper half. Its lower half is the
// CRC-16 of Redis Cluster.
func crc16(key []byte) uint64 {
	var crc uint32
	for _, c := range key {
		crc = crc<<8 ^ crc16Table[byte(crc>>8)^c]
	}
	return uint64(crc)
}
