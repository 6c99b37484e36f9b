package shard

import "strings"

// choices ends an error about an unknown name: what was probably meant, and what there is.
func choices(got string, known []string) string {
	text := " (one of " + strings.Join(known, ", ") + ")"
	if near := nearest(got, known); near != "" {
		return " (did you mean " + `"` + near + `"?)` + text
	}
	return text
}

// nearest returns the known name that is fewest edits away from got, or "" when even that
// one differs in more than a third of its letters.
func nearest(got string, known []string) (best string) {
	least := len(got)
	for _, name := range known {
		if d := edits(strings.ToLower(got), name); d < least && 3*d <= len(name) {
			best, least = name, d
		}
	}
	return best
}

// edits is the Levenshtein distance: how many letters to insert, remove or replace.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
