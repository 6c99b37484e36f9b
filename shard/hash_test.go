package shard

import (
	"bufio"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/hashes.txt anew from what the real nutcracker does")

const vectorFile = "testdata/hashes.txt"

// A vector is a known answer.
type vector struct {
	hash  string
	key   []byte
	value uint64
}

func readVectors(t *testing.T) (vectors []vector) {
	t.Helper()
	f, err := os.Open(vectorFile)
	if err != nil {
		t.Fatalf("%v; make it with go test ./shard -run TestNutcrackerHashes -rewrite", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		var v vector
		var text string
		if _, err := fmt.Sscanf(lines.Text(), "%s %x %q", &v.hash, &v.value, &text); err != nil {
			t.Fatalf("%s: %q: %v", vectorFile, lines.Text(), err)
		}
		if v.key, err = hex.DecodeString(text); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	return vectors
}

// TestHashVectors compares each hash with what nutcracker 0.5.0 was seen to compute.
func TestHashVectors(t *testing.T) {
	seen := map[string]int{}
	for _, v := range readVectors(t) {
		h, err := ParseHash(v.hash)
		if err != nil {
			t.Fatal(err)
		}
		if got := h.Sum(v.key); got != v.value {
			t.Errorf("%s of %x: got %#x; want %#x", v.hash, v.key, got, v.value)
		}
		seen[v.hash]++
	}
	for _, name := range twemproxyHashes() {
		if seen[name] < 40 {
			t.Errorf("%s: got %d vectors; want 40 or more", name, seen[name])
		}
	}
}

func twemproxyHashes() []string { return HashNames()[:12] }

// TestXXH3 pins the hash by published answers of the reference implementation.
func TestXXH3(t *testing.T) {
	h, err := ParseHash("xxh3")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]uint64{
		"":    0x2d06800538d394c2,
		"a":   0xe6c632b61e964e1f,
		"abc": 0x78af5f94892f3950,
	} {
		if got := h.Sum([]byte(key)); got != want {
			t.Errorf("xxh3 of %q: got %#x; want %#x", key, got, want)
		}
	}
}

// TestHashBits checks that no hash sets a bit it does not announce, and sets each that it
// does for some key.
func TestHashBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, h := range hashes {
		var set uint64
		for range 10_000 {
			set |= h.Sum(randomKey(r, nil))
		}
		if want := ^uint64(0) >> (64 - h.Bits); set != want {
			t.Errorf("%s: got bits %#x; want %#x", h.Name, set, want)
		}
	}
}

func TestParseHashRefuses(t *testing.T) {
	_, err := ParseHash("fnv1a_65")
	want := `unknown hash "fnv1a_65" (did you mean "fnv1a_64"?) (one of one_at_a_time, md5, crc16, crc32, crc32a, fnv1_64, fnv1a_64, fnv1_32, fnv1a_32, hsieh, murmur, jenkins, xxh3)`
	if err == nil || err.Error() != want {
		t.Errorf("got %v; want %s", err, want)
	}
	_, err = ParseHash("sha1")
	if err == nil || strings.Contains(err.Error(), "did you mean") {
		t.Errorf("got %v; want an error without a guess", err)
	}
}

// moduli are coprime, and their product is over 2^32: the remainders by all of them tell a
// 32-bit number.
var moduli = [...]int{31, 29, 23, 19, 17, 16, 13, 11}

// TestNutcrackerHashes asks the real nutcracker for the value of each hash: under modula a
// pool of n servers shows the remainder by n, and eight pools show it all. With -rewrite the
// answers become testdata/hashes.txt, else they are compared with it.
func TestNutcrackerHashes(t *testing.T) {
	needNutcracker(t)
	f := newFleet(t, anyAddrs(moduli[0])...)
	var text strings.Builder
	text.WriteString("# What nutcracker 0.5.0 (Debian, amd64) computes: hash, value, key in hex, quoted.\n" +
		"# Made by go test ./shard -run TestNutcrackerHashes -rewrite\n")
	keys := vectorKeys()
	for _, hash := range twemproxyHashes() {
		for i, value := range f.ask(t, hash, keys) {
			fmt.Fprintf(&text, "%s %08x %q\n", hash, value, hex.EncodeToString(keys[i]))
		}
	}
	if *rewrite {
		if err := os.WriteFile(vectorFile, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != text.String() {
		t.Errorf("nutcracker's answers differ from %s; got\n%s", vectorFile, text.String())
	}
}

// ask returns nutcracker's value of the hash for each key.
func (f fleet) ask(t *testing.T, hash string, keys [][]byte) []uint64 {
	var pools []poolConf
	for _, n := range moduli {
		p := poolConf{hash: hash, distribution: "modula"}
		for i := range n {
			p.servers = append(p.servers, fmt.Sprintf("%s:1 s%02d", f.addr(i), i))
		}
		pools = append(pools, p)
	}
	values, product := make([]uint64, len(keys)), uint64(1)
	for p, socket := range startNutcracker(t, pools) {
		n := uint64(moduli[p])
		for i, remainder := range placed(t, socket, keys) {
			for values[i]%n != uint64(remainder) {
				values[i] += product
			}
		}
		product *= n
	}
	return values
}

// vectorKeys are keys of every length up to 24 with and without bytes over 0x7f, and a few
// that look like keys.
func vectorKeys() [][]byte {
	keys := [][]byte{{}, []byte("foo"), []byte("user:1000"), []byte("{user1000}.following"), []byte("\x80"),
		[]byte("\xff\xff\xff\xff\xff\xff\xff"), []byte("a\x00b"), []byte("größe"), []byte(strings.Repeat("long", 60))}
	r := rand.New(rand.NewPCG(5, 7))
	for n := 1; n <= 24; n++ {
		ascii, binary := make([]byte, n), make([]byte, n)
		for i := range n {
			ascii[i], binary[i] = byte('0'+r.IntN(75)), byte(r.Uint32())
		}
		keys = append(keys, ascii, binary)
	}
	return keys
}

// randomKey returns a key of 0 to 40 bytes: letters, all bytes, or with some of the special
// ones strewn in.
func randomKey(r *rand.Rand, special []byte) []byte {
	key := make([]byte, r.IntN(41))
	kind := r.IntN(3)
	for i := range key {
		switch {
		case len(special) > 0 && r.IntN(6) == 0:
			key[i] = special[r.IntN(len(special))]
		case kind == 0:
			key[i] = byte(r.Uint32())
		default:
			key[i] = byte('0' + r.IntN(75))
		}
	}
	return key
}
