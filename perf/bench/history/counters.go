package history

// A bound is between what a counter must lie.
type bound struct{ least, most int64 }

// checkCounters is I7.
func checkCounters(j *judge) {
	bounds := map[string]*bound{}
	for _, op := range j.ops {
		if op.Kind != Incr {
			continue
		}
		b := bounds[op.Key]
		if b == nil {
			b = &bound{}
			bounds[op.Key] = b
		}
		switch {
		case op.Class == OK && !j.forgiven(op):
			b.least++
			b.most++
		case op.Class == OK || op.Class == Unknown || op.Class == Wrong:
			b.most++
		}
	}
	for key, b := range bounds {
		if got := j.run.Final.Counters[key]; got < b.least || got > b.most {
			j.breaks("I7", "%s is %d; want %d (acknowledged) to %d (and unknown)", key, got, b.least, b.most)
		}
	}
}
