package shard

import (
	"fmt"
	"math"
	"slices"

	"github.com/zeebo/xxh3"
)

// rendezvous is weighted rendezvous hashing (Thaler and Ravishankar's highest random weight,
// weighted as Schindelhauer and Schomaker do) over a fixed number of buckets. Every group
// scores every bucket, the highest score has it, and the winners are written down once. So a
// lookup is one load; a new group takes buckets from the others in proportion and moves
// nothing between them; and the order of the groups, as well as the ejection and return of
// one, leaves every other group's buckets where they are.
//
// What is left of unevenness is that of drawing rendezvousBuckets lots, see TestSpread.
type rendezvous struct {
	winners []uint16 // by bucket: index into Table.Groups
}

// rendezvousBuckets was chosen among these by the load of the fullest of n groups of weight
// 1 over the mean, for a million keys (TestSpread; ketama with fnv1a_64: 1.04, 1.08, 1.23),
// and by the time to build the ring of 100 groups (BenchmarkBuild):
//
//	buckets   memory    n = 2    10      100     built in
//	1 << 14    32 KiB   1.006   1.025   1.188      7 ms
//	1 << 16   128 KiB   1.005   1.023   1.113     30 ms
//	1 << 18   512 KiB   1.001   1.006   1.064    100 ms
//
// At 128 KiB the ring still lies in a core's second-level cache: BenchmarkLocate has 22 ns
// with 2 groups and with 64, most of it the hash. At 512 KiB it has 30.
const (
	rendezvousBits    = 16
	rendezvousBuckets = 1 << rendezvousBits
)

// golden is 2^64 divided by the golden ratio, odd. Multiplied by it every bit of a hash
// reaches the top bits, which matters for hashes that have only 15 or 32 of them.
const golden = 0x9e3779b97f4a7c15

func bucketOf(hash uint64) int { return int(hash * golden >> (64 - rendezvousBits)) }

func (r *rendezvous) place(hash uint64) int { return int(r.winners[bucketOf(hash)]) }

func (r *rendezvous) explain(hash uint64) (place, why string) {
	return fmt.Sprintf("bucket %d of %d", bucketOf(hash), rendezvousBuckets),
		"the group's weighted score for the bucket is the highest"
}

// A contender is a group that bids for buckets.
type contender struct {
	seed  uint64 // of its scores; made from the label alone
	group uint16
}

// A class is the contenders of one weight. Among them the greater lot wins, so integers
// decide, and one logarithm per class and bucket is enough.
type class struct {
	weight     float64
	contenders []contender // in the order of byLabel
}

func newRendezvous(members []member) ring {
	classes := classify(members)
	r := &rendezvous{winners: make([]uint16, rendezvousBuckets)}
	for b := range r.winners {
		r.winners[b] = winner(classes, uint64(b))
	}
	return r
}

func classify(members []member) (classes []class) {
	for _, m := range members {
		i := slices.IndexFunc(classes, func(c class) bool { return c.weight == float64(m.weight) })
		if i < 0 {
			i = len(classes)
			classes = append(classes, class{weight: float64(m.weight)})
		}
		c := contender{xxh3.HashString(m.label), uint16(m.group)}
		classes[i].contenders = append(classes[i].contenders, c)
	}
	return classes
}

// winner returns the group with the highest score. A score is ln(u)/weight with u evenly
// drawn from (0,1), which makes the odds proportional to the weights. Processors whose
// logarithms differ in the last bit could disagree about a bucket only where two scores are
// equal to 15 digits.
func winner(classes []class, bucket uint64) uint16 {
	var best contender
	score := math.Inf(-1)
	for _, c := range classes {
		who, lot := c.best(bucket)
		if s := math.Log((float64(lot>>11)+0.5)/(1<<53)) / c.weight; s > score {
			best, score = who, s
		}
	}
	return best.group
}

// best returns the contender with the greatest lot, and the lot.
func (c class) best(bucket uint64) (who contender, greatest uint64) {
	salt := stir(bucket)
	for i, each := range c.contenders {
		if lot := stir(each.seed ^ salt); lot > greatest || i == 0 {
			who, greatest = each, lot
		}
	}
	return who, greatest
}

// stir spreads each bit of x over all bits: the output function of SplitMix64.
func stir(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
