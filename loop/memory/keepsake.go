package memory

// A Keepsake is bytes that outlive the event. Those that lie in a region stay there.
type Keepsake struct {
	where Stretch // none: own has them
	own   []byte
}

// Keep makes b last.
func (a *Arena) Keep(b []byte) Keepsake {
	if where, is := a.StretchOf(b); is {
		return Keepsake{where: where}
	}
	return Keepsake{own: append([]byte(nil), b...)}
}

// Bytes returns them.
func (k *Keepsake) Bytes() []byte {
	if k.where.Is() {
		return k.where.Bytes()
	}
	return k.own
}

// Drop forgets them.
func (k *Keepsake) Drop() {
	k.where.Release()
	*k = Keepsake{}
}
