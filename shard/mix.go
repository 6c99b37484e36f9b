package shard

import (
	"encoding/binary"
	"math/bits"
)

// oneAtATime is Bob Jenkins's hash of that name, over signed bytes.
func oneAtATime(key []byte) uint64 {
	var h uint32
	for _, c := range key {
		h += signed(c)
		h += h << 10
		h ^= h >> 6
	}
	h += h << 3
	h ^= h >> 11
	h += h << 15
	return uint64(h)
}

// hsieh is Paul Hsieh's SuperFastHash started at 0. Only the last of three odd bytes is
// widened with its sign.
func hsieh(key []byte) uint64 {
	var h uint32
	for ; len(key) >= 4; key = key[4:] {
		h += uint32(binary.LittleEndian.Uint16(key))
		h = h<<16 ^ h ^ uint32(binary.LittleEndian.Uint16(key[2:]))<<11
		h += h >> 11
	}
	h = hsiehTail(h, key)
	h ^= h << 3
	h += h >> 5
	h ^= h << 4
	h += h >> 17
	h ^= h << 25
	h += h >> 6
	return uint64(h)
}

// hsiehTail mixes in the last 0 to 3 bytes.
func hsiehTail(h uint32, tail []byte) uint32 {
	switch len(tail) {
	case 3:
		h += uint32(binary.LittleEndian.Uint16(tail))
		h ^= h << 16
		h ^= signed(tail[2]) << 18
		h += h >> 11
	case 2:
		h += uint32(binary.LittleEndian.Uint16(tail))
		h ^= h << 11
		h += h >> 17
	case 1:
		h += uint32(tail[0])
		h ^= h << 10
		h += h >> 1
	}
	return h
}

// murmur is MurmurHash2 of 32 bits. libmemcached, and so twemproxy, makes the seed from the
// length.
func murmur(key []byte) uint64 {
	const m = 0x5bd1e995
	n := uint32(len(key))
	h := 0xdeadbeef*n ^ n
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	if len(key) > 0 {
		h = (h ^ littleEndian(key)) * m
	}
	h ^= h >> 13
	h *= m
	h ^= h >> 15
	return uint64(h)
}

// jenkins is lookup3's hashlittle with the initial value 13.
func jenkins(key []byte) uint64 {
	if len(key) == 0 {
		return 0
	}
	a := 0xdeadbeef + uint32(len(key)) + 13
	b, c := a, a
	for ; len(key) > 12; key = key[12:] {
		a += binary.LittleEndian.Uint32(key)
		b += binary.LittleEndian.Uint32(key[4:])
		c += binary.LittleEndian.Uint32(key[8:])
		a, b, c = jenkinsMix(a, b, c)
	}
	a += littleEndian(key[:min(4, len(key))])
	if len(key) > 4 {
		b += littleEndian(key[4:min(8, len(key))])
	}
	if len(key) > 8 {
		c += littleEndian(key[8:])
	}
	return uint64(jenkinsFinal(a, b, c))
}

func jenkinsMix(a, b, c uint32) (uint32, uint32, uint32) {
	a, c = (a-c)^bits.RotateLeft32(c, 4), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 6), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 8), b+a
	a, c = (a-c)^bits.RotateLeft32(c, 16), c+b
	b, a = (b-a)^bits.RotateLeft32(a, 19), a+c
	c, b = (c-b)^bits.RotateLeft32(b, 4), b+a
	return a, b, c
}

func jenkinsFinal(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}

// littleEndian reads up to four bytes as a word whose missing bytes are 0.
func littleEndian(b []byte) (word uint32) {
	for i, c := range b {
		word |= uint32(c) << (8 * i)
	}
	return word
}
