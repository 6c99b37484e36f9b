package history

// checkBanks is I11: every look at a bank's accounts, and the last one, adds up to the same.
func checkBanks(j *judge) {
	for _, op := range j.ops {
		if op.Kind == Audit && op.Class == OK && op.Version != j.run.Banked {
			j.breaks("I11", "%s found %d in all accounts; want %d", op.name(), op.Version, j.run.Banked)
		}
	}
	for bank, sum := range j.run.Final.Banks {
		if sum != j.run.Banked {
			j.breaks("I11", "%s holds %d at the end; want %d", bank, sum, j.run.Banked)
		}
	}
}
