package shard

import (
	"bytes"
	"fmt"
)

// A hashTag says which part of a key is hashed, so that keys with an equal part meet in one
// group. The zero value is no tag: all of the key.
type hashTag struct {
	open, shut byte // 0, 0 for none
}

func parseTag(text string) (hashTag, error) {
	switch len(text) {
	case 0:
		return hashTag{}, nil
	case 2:
		return hashTag{text[0], text[1]}, nil
	}
	return hashTag{}, fmt.Errorf(`hash tag %q has %d bytes, want two, such as "{}", or none`, text, len(text))
}

// of returns what stands between the first opening byte and the first closing byte after
// it, or all of key if either is missing or nothing stands between them. It aliases key.
func (t hashTag) of(key []byte) []byte {
	if t.open|t.shut == 0 {
		return key
	}
	from := bytes.IndexByte(key, t.open) + 1
	if from == 0 {
		return key
	}
	if n := bytes.IndexByte(key[from:], t.shut); n > 0 {
		return key[from : from+n]
	}
	return key
}
