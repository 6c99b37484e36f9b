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
	14000183904615135525, 16270499269063330636, 8705468462522206028, 15005876046694065978, 4680695678937662333,
	11867651407828040015, 8529096996137668782, 18114009188405545260, 4040611534331288750, 13818586289042258554, 14016331257781345383,
	6936040173013072859, 13397213833006968765, 14589904959766587984, 5015591014838716507, 8676847049337116637, 11220068711125993908, 3535782574431474800, 3674205448190401950,
	12943194543209044876, 8951182279859538798, 3899986314319585126, 10677152010494373, 45511089715870572, 22961530218537906, 10148616956341678,
	18514196156725195,
}

// needy are those of runs with min-replicas-to-write 1.
var needy = []uint64{3988075155351980310, 4633560441892002196, 8968501989020482424, 13003146604800063278, 13761781929225917233}

// drawn are those of runs that have drawn that themselves, as TestRandom does.
var drawn = []uint64{13899496310147877062, 213667830365775703, 4164131511919697076, 903694881502468508,
	4652390172600724696, 11456650930158552174, 2340154646692380200, 12469305745563135736, 1410268400780662658, 3775241979843668465, 28652, 2013041, 1400363, 1872283}

// lost are those of runs in which the state file is lost whenever the process ends.
var lost = []uint64{769744, 12674845587227541048, 9981989704152013566, 1366285, 687599}

// slow are those of runs in which something is slow.
var slow = []uint64{437585, 1585993, 250973, 1201006, 1191226, 1016327}

// two are those of runs of groups whose masters need two replicas, of three servers or more.
var two = []uint64{50110, 431872}

// TestSeeds is TestRandom, TestRandomLost, TestRandomSlow and TestRandomTwo with the seeds that are kept.
func TestSeeds(t *testing.T) {
	was := flag.Lookup("rapid.seed").Value.String()
	defer func() { _ = flag.Set("rapid.seed", was) }() // it was a value of it
	again := func(seeds []uint64, what func(*testing.T)) {
		for _, seed := range seeds {
			if err := flag.Set("rapid.seed", strconv.FormatUint(seed, 10)); err != nil {
				t.Fatal(err)
			}
			t.Run(strconv.FormatUint(seed, 10), what)
		}
	}
	again(seeds, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { randomly(t, 0) }) })
	again(needy, func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { randomly(t, 1) }) })
	again(drawn, TestRandom)
	again(lost, TestRandomLost)
	again(slow, TestRandomSlow)
	again(two, TestRandomTwo)
}
