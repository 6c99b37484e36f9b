package config

import (
	"fmt"
	"strings"
)

// nearest returns the word that word most likely was meant to be, "" when none is close:
// at most a third of it wrong.
func nearest(word string, words []string) string {
	best, closest := "", max(1, len(word)/3)+1
	for _, w := range words {
		if d := distance(strings.ToLower(word), strings.ToLower(w)); d < closest {
			best, closest = w, d
		}
	}
	return best
}

// didYouMean words a suggestion for a wrong word; for a word like no other it lists what
// there is, when that is not too long.
func didYouMean(word string, words []string) string {
	if best := nearest(word, words); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	if len(words) > 16 {
		return ""
	}
	return "one of " + strings.Join(words, ", ")
}

// distance counts the single-byte insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment). Words longer than 64 bytes
// are far from everything.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var before, last, row [65]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
