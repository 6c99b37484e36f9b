package failover

import (
	"flag"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// seeds are those of runs in which the model or the machine once was wrong: servers that fall at each step
// of a promotion, a switchover and a return, and come back with each kind of data.
var seeds = []uint64{
	11009512370676642181, 6827229815276564653, 16939550522108446337,
	2267847706808510909, 11091805419443298491, 8609163042141032577, 11595226034922961159, 17088294188986643167,
	1851277981443184630, 11966574027733970007, 3022015623264919234, 16808731871632102476, 8079340112158463468,
	8968625698131678134, 8197392106208005588, 6737907565439505241, 6825622714722534288, 8814822263940113156,
	9360866922286089711, 14035962368630232035, 7588969484382935795, 9347272550364418869, 12228787240602064659,
	14000183904615135525, 16270499269063330636, 8705468462522206028,
}

// TestSeeds is TestRandom with the seeds that are kept.
func TestSeeds(t *testing.T) {
	was := flag.Lookup("rapid.seed").Value.String()
	defer func() { _ = flag.Set("rapid.seed", was) }() // it was a value of it
	for _, seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			if err := flag.Set("rapid.seed", strconv.FormatUint(seed, 10)); err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, randomly)
		})
	}
}
