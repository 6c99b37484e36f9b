package loop

// Blind returns options of an engine that cannot suspend reading.
func Blind(o Options) Options {
	o.blind = true
	return o
}
