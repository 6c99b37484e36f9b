package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A wrong says why a text is no value of a kind, and what would be.
type wrong struct{ text, hint string }

// set parses text into field, a pointer of the type that the row's kind asks for. Secrets
// become literals here; the reader resolves env: and file: before.
func (w *row) set(field any, text string) *wrong {
	switch w.kind {
	case kindWord:
		return w.setWord(field.(*string), text)
	case kindTag:
		return setTag(field.(*string), text)
	case kindNumber, kindSize:
		return w.setWhole(field, text)
	case kindDuration:
		return w.setDuration(field.(*time.Duration), text)
	case kindFlag:
		return setFlag(field.(*bool), text)
	case kindAddress:
		return setAddress(field.(*string), text)
	case kindAddresses:
		return setAddresses(field.(*[]string), text)
	case kindSecret:
		*field.(*Secret) = Secret{text: text}
	default:
		return setText(field.(*string), text)
	}
	return nil
}

func setText(field *string, text string) *wrong {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return &wrong{fmt.Sprintf("control character in %q", text), ""}
	}
	*field = text
	return nil
}

func (w *row) setWord(field *string, text string) *wrong {
	for _, word := range w.words {
		if word == text {
			*field = text
			return nil
		}
	}
	what := strings.ReplaceAll(w.name, "_", " ")
	return &wrong{fmt.Sprintf("unknown %s %q", what, text), didYouMean(text, w.words)}
}

func setTag(field *string, text string) *wrong {
	if len(text) != 0 && len(text) != 2 {
		return &wrong{fmt.Sprintf("hash tag %q has %d bytes, not two", text, len(text)),
			`the opening and the closing character, like "{}"`}
	}
	*field = text
	return nil
}

func setFlag(field *bool, text string) *wrong {
	if text != "true" && text != "false" {
		return &wrong{fmt.Sprintf("%q is neither true nor false", text), "in lower case, without quotes"}
	}
	*field = text == "true"
	return nil
}

// setWhole parses a number or a size into an int or an int64.
func (w *row) setWhole(field any, text string) *wrong {
	parse := parseNumber
	if w.kind == kindSize {
		parse = parseSize
	}
	n, bad := parse(text)
	if bad == nil {
		bad = w.bounds(n)
	}
	if bad != nil {
		return bad
	}
	switch field := field.(type) {
	case *int:
		*field = int(n)
	case *int64:
		*field = n
	}
	return nil
}

func (w *row) setDuration(field *time.Duration, text string) *wrong {
	d, bad := parseDuration(text)
	if bad != nil && bad.hint == atMost(longest) && w.most > 0 {
		bad.hint = atMost(time.Duration(w.most))
	}
	if bad == nil {
		bad = w.bounds(int64(d))
	}
	if bad == nil {
		*field = d
	}
	return bad
}

// bounds checks a value against the row's least and most.
func (w *row) bounds(n int64) *wrong {
	switch {
	case n < w.least:
		return &wrong{w.spell(n) + " is too little", "at least " + w.spell(w.least)}
	case w.most > 0 && n > w.most:
		return &wrong{w.spell(n) + " is too much", "at most " + w.spell(w.most)}
	}
	return nil
}

// spell writes a number, a size or a duration as a file would.
func (w *row) spell(n int64) string {
	switch w.kind {
	case kindSize:
		return sizeText(n)
	case kindDuration:
		return durationText(time.Duration(n))
	}
	return strconv.FormatInt(n, 10)
}

func parseNumber(text string) (int64, *wrong) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && text[0] != '+' && n >= -math.MaxInt32 && n <= math.MaxInt32 {
		return n, nil
	}
	if text != "" && strings.Trim(text, "0123456789") == "" {
		return 0, &wrong{text + " is too much", "at most " + strconv.Itoa(math.MaxInt32)}
	}
	return 0, &wrong{fmt.Sprintf("%q is not a whole number", text), "digits only"}
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// parseSize reads "64MiB". Units of 1000 and short units are refused: Redis's own "64m" is
// 64,000,000 and its "64mb" is 67,108,864, and nobody remembers which is which.
func parseSize(text string) (int64, *wrong) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := text[len(digits):]
	n, err := strconv.ParseInt(digits, 10, 64)
	if errors.Is(err, strconv.ErrRange) && n > 0 {
		return 0, tooLarge(text)
	}
	if err != nil || n < 0 {
		return 0, &wrong{fmt.Sprintf("%q is not a size", text), `a whole number and a unit, like "64MiB"`}
	}
	for _, u := range sizeUnits {
		switch {
		case u.name == unit && n > math.MaxInt64/u.bytes:
			return 0, tooLarge(text)
		case u.name == unit:
			return n * u.bytes, nil
		}
	}
	if unit == "" {
		return 0, &wrong{fmt.Sprintf("%q has no unit", text), fmt.Sprintf("write %q", sizeText(n))}
	}
	return 0, &wrong{fmt.Sprintf("unknown unit %q in %q", unit, text), sizeHint(digits, unit)}
}

// tooLarge refuses a size that no number here can hold.
func tooLarge(text string) *wrong {
	return &wrong{fmt.Sprintf("%q is too much", text), "at most " + sizeText(math.MaxInt64>>20<<20)}
}

// sizeHint proposes the unit that starts with the same letter.
func sizeHint(digits, unit string) string {
	letter := strings.ToUpper(strings.TrimSpace(unit) + " ")[:1]
	for _, u := range sizeUnits {
		if u.name[:1] == letter {
			return fmt.Sprintf("did you mean %q?", digits+u.name)
		}
	}
	return "units are B, KiB, MiB, GiB, TiB"
}

// sizeText writes bytes with the largest unit that divides them.
func sizeText(n int64) string {
	for _, u := range sizeUnits {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// Longest duration that makes sense anywhere in a configuration.
const longest = 366 * 24 * time.Hour

// wellFormed matches durations, also those that are too long for a time.Duration.
var wellFormed = regexp.MustCompile(`^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`)

// atMost is the hint for what is longer than d.
func atMost(d time.Duration) string { return "at most " + durationText(d) }

func parseDuration(text string) (time.Duration, *wrong) {
	if text != "" && strings.Trim(text, "0123456789") == "" {
		return 0, noUnit(text)
	}
	d, err := time.ParseDuration(text)
	switch {
	case d > longest, err != nil && wellFormed.MatchString(text):
		return 0, &wrong{fmt.Sprintf("%q is too much", text), atMost(longest)}
	case err != nil:
		return 0, &wrong{fmt.Sprintf("%q is not a duration", text), `a number and a unit (us, ms, s, m, h), like "400ms" or "1m30s"`}
	case d < 0:
		return 0, &wrong{fmt.Sprintf("%q is negative", text), ""}
	}
	return d, nil
}

// noUnit refuses a bare number where a duration belongs.
func noUnit(digits string) *wrong {
	hint := fmt.Sprintf("write %q or %q", digits+"ms", digits+"s")
	if strings.Trim(digits, "0") == "" {
		hint = `write "0s"`
	}
	return &wrong{fmt.Sprintf("%s has no unit", digits), hint}
}

// durationText writes a duration without the zero units that time.Duration's String appends.
func durationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// text is the inverse of set: what a file would say for the field's value, unquoted.
func (w *row) text(field any) string {
	switch v := field.(type) {
	case *int:
		return w.spell(int64(*v))
	case *int64:
		return w.spell(*v)
	case *time.Duration:
		return w.spell(int64(*v))
	case *bool:
		return strconv.FormatBool(*v)
	case *[]string:
		return strings.Join(*v, " ")
	case *Secret:
		return v.spelled()
	}
	return *field.(*string)
}
