package scripts

import (
	"crypto/sha1"
	"fmt"
	"strings"
	"testing"
)

// TestScriptsAreBounded: what has not been used for longest goes first.
func TestScriptsAreBounded(t *testing.T) {
	var c Store
	body := func(i int) string { return fmt.Sprintf("return %d -- %s", i, strings.Repeat("x", 744)) }
	name := func(i int) Digest { return sha1.Sum([]byte(body(i))) }
	limit := int64(10 * 1024)
	for i := range 100 {
		c.Remember([]byte(body(i)), limit)
		c.Remember([]byte(body(0)), limit)
		if c.Body(name(0)) == "" || c.Body(name(i)) == "" {
			t.Fatalf("after %d: what was just used is gone", i)
		}
		if c.bytes > limit || len(c.byName) != c.used.Len() || len(c.byBody) != c.used.Len() {
			t.Fatalf("after %d: got %d bytes, %d names, %d bodies, %d in order; want at most %d bytes of the same ones",
				i, c.bytes, len(c.byName), len(c.byBody), c.used.Len(), limit)
		}
	}
	if c.Body(name(50)) != "" || c.Body(name(98)) == "" {
		t.Error("want the old ones gone and the young ones there")
	}
	c.Remember(make([]byte, limit), limit)
	c.Remember(nil, limit)
	if c.Body(sha1.Sum(make([]byte, limit))) != "" || c.Body(Digest{}) != "" {
		t.Error("what is larger than all that may be kept, or empty, was kept")
	}
	c.Confirm([]byte(body(98)))
	c.Forget([]byte(body(98)))
	c.Forget([]byte(body(99)))
	if c.Body(name(99)) != "" || c.Body(name(98)) == "" {
		t.Error("forget: want one gone, and the others there")
	}
	c.ForgetUnsure()
	if c.Body(name(97)) != "" || c.Body(name(98)) == "" || c.unsure.Load() != 0 || len(c.byName) != c.used.Len() {
		t.Errorf("forgetUnsure: got %d names, %d unsure; want only the one that was confirmed", len(c.byName), c.unsure.Load())
	}
	c.Remember([]byte(body(97)), limit)
	c.Flush()
	if c.unsure.Load() != 0 {
		t.Errorf("flush: got %d unsure; want none", c.unsure.Load())
	}
	if c.bytes != 0 || c.Body(name(98)) != "" || c.flushed.Load() != 1 {
		t.Error("flush: want nothing left, and to be counted")
	}
	c.Remember([]byte(body(1)), limit)
	if c.Body(name(1)) == "" {
		t.Error("want to remember again after a flush")
	}
}

// TestLoadedIsBounded: a link that runs ever new scripts forgets and loads again.
func TestLoadedIsBounded(t *testing.T) {
	var of Store
	var l *Loaded
	for i := range 3 * mostLoaded {
		d := Digest(sha1.Sum([]byte(fmt.Sprint(i))))
		l = l.With(d, &of, 1)
		if !l.Has(d, &of) || len(l.names) > mostLoaded {
			t.Fatalf("script %d: got %d names; want at most %d, this one among them", i, len(l.names), mostLoaded)
		}
	}
}
