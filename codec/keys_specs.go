package codec

// A keySpec is a key specification as COMMAND gives it, checked so that it can be walked
// without further questions. It yields one run of keys.
type keySpec struct {
	// Where to begin: at argument index, or behind the first argument that equals keyword,
	// searched from index on (from the end backwards when index is negative).
	index   int
	keyword string // lower case; "" begins at index

	// A range: up to last, relative to the beginning when not negative, else to the end;
	// and of that only one limit-th when limit is over 1.
	last, step, limit int

	// A counted run, when numbered: the number stands at beginning+number, the keys from
	// beginning+firstKey.
	numbered         bool
	number, firstKey int
}

// keysBySpecs appends the keys of all specifications.
func (c *Command) keysBySpecs(r *Request, dst []int32) ([]int32, error) {
	start := len(dst)
	for i := range c.specs {
		f, err := c.specs[i].find(r, c.lacking)
		if err != nil {
			return dst[:start], err
		}
		dst = f.appendTo(dst)
	}
	return dst, nil
}

func (c *Command) firstBySpecs(r *Request) int {
	first := 0
	for i := range c.specs {
		f, err := c.specs[i].find(r, c.lacking)
		if err != nil {
			return 0
		}
		if first == 0 {
			first = f.first
		}
	}
	return first
}

// find returns the run; lacking is the error when there are too few arguments for it.
func (k *keySpec) find(r *Request, lacking *KeyError) (found, error) {
	begin := k.begin(r)
	if begin == 0 {
		return found{}, nil
	}
	if k.numbered {
		return k.findNumbered(r, begin, lacking)
	}
	n := r.Len()
	last := begin + k.last
	if k.last < 0 {
		last = n + k.last
		if k.limit > 1 {
			last = begin + (n-begin)/k.limit + k.last
		}
	}
	if last < begin || last >= n {
		return found{}, lacking
	}
	return found{first: begin, last: last, step: k.step}, nil
}

func (k *keySpec) findNumbered(r *Request, begin int, lacking *KeyError) (found, error) {
	at, first := begin+k.number, begin+k.firstKey
	if at >= r.Len() {
		return found{}, lacking
	}
	keys, ok := parseInteger(r.Arg(at))
	room := int64(r.Len()-first+k.step-1) / int64(k.step)
	switch {
	case !ok || keys < 0:
		return found{}, errNotInteger
	case keys > room:
		return found{}, errManyKeys
	case keys == 0:
		return found{}, nil
	}
	return found{first: first, last: first + int(keys-1)*k.step, step: k.step}, nil
}

// begin returns where the run begins, 0 when the keyword is not there.
func (k *keySpec) begin(r *Request) int {
	if k.keyword == "" {
		return k.index
	}
	if k.index < 0 {
		return k.searchBack(r)
	}
	for i := k.index; i < r.Len(); i++ {
		if equalFold(r.Arg(i), k.keyword) {
			return i + 1
		}
	}
	return 0
}

func (k *keySpec) searchBack(r *Request) int {
	for i := r.Len() + k.index; i > 0; i-- {
		if equalFold(r.Arg(i), k.keyword) {
			return i + 1
		}
	}
	return 0
}
