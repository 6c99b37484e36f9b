package config

import (
	"strings"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "400ms": 400 * time.Millisecond, "1m30s": 90 * time.Second, "2.5s": 2500 * time.Millisecond,
		"1h": time.Hour, "250us": 250 * time.Microsecond, "24h": 24 * time.Hour,
	} {
		got, bad := parseDuration(text)
		if bad != nil || got != want {
			t.Errorf("%s: got %v, %v; want %v", text, got, bad, want)
		}
		if again, _ := parseDuration(durationText(want)); again != want {
			t.Errorf("%v: got %q, which is %v", want, durationText(want), again)
		}
	}
	for text, want := range map[string]string{
		"": `"" is not a duration`, "0": "0 has no unit", "400": "400 has no unit",
		"-1s": `"-1s" is negative`, "5 s": `"5 s" is not a duration`, "1d": `"1d" is not a duration`,
		"9000h": `"9000h" is too much`, "99999999h": `"99999999h" is too much`, "1h99999999999999999999.5s": `"1h99999999999999999999.5s" is too much`,
		"99999999d": `"99999999d" is not a duration`, "-99999999h": `"-99999999h" is not a duration`, "ms": `"ms" is not a duration`,
	} {
		if _, bad := parseDuration(text); bad == nil || bad.text != want {
			t.Errorf("%q: got %v; want %s", text, bad, want)
		} else if strings.HasSuffix(want, "too much") && bad.hint != "at most 8784h" {
			t.Errorf("%q: got the hint %q; want the most that there may be", text, bad.hint)
		}
	}
	row := row{kind: kindDuration, most: int64(time.Minute)}
	for _, text := range []string{"2m", "9000h", "99999999h"} {
		if bad := row.setDuration(new(time.Duration), text); bad == nil || bad.hint != "at most 1m" {
			t.Errorf("%s: got %v; want at most 1m", text, bad)
		}
	}
}

func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Minute: "1m", time.Hour: "1h", 10 * time.Minute: "10m", 70 * time.Minute: "1h10m",
		20 * time.Hour: "20h", 1500 * time.Millisecond: "1.5s", time.Hour + time.Second: "1h0m1s",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%d: got %s; want %s", d, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0B": 0, "1B": 1, "1KiB": 1024, "64MiB": 64 << 20, "3GiB": 3 << 30, "2TiB": 2 << 40, "8388607TiB": 8388607 << 40,
	} {
		got, bad := parseSize(text)
		if bad != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, bad, want)
		}
		if sizeText(want) != text {
			t.Errorf("%d: got %s; want %s", want, sizeText(want), text)
		}
	}
	for text, hint := range map[string]string{
		"": `a whole number and a unit, like "64MiB"`, "MiB": `a whole number and a unit, like "64MiB"`,
		"64": `write "64B"`, "2048": `write "2KiB"`, "64MB": `did you mean "64MiB"?`, "64mb": `did you mean "64MiB"?`,
		"64m": `did you mean "64MiB"?`, "64 MiB": `did you mean "64MiB"?`, "-1B": `a whole number and a unit, like "64MiB"`,
		"1.5GiB": `a whole number and a unit, like "64MiB"`, "9TB": `did you mean "9TiB"?`, "1x": "units are B, KiB, MiB, GiB, TiB",
		"8388608TiB": "at most 8796093022207MiB", "99999999999999999999GiB": "at most 8796093022207MiB",
	} {
		if _, bad := parseSize(text); bad == nil || bad.hint != hint {
			t.Errorf("%q: got %v; want %s", text, bad, hint)
		}
	}
}

func TestNearest(t *testing.T) {
	for word, want := range map[string]string{
		"fnv1a_65": "fnv1a_64", "FNV1A_64": "fnv1a_64", "mumrur": "murmur", "md6": "md5", "sha256": "", "": "",
		"crc_16": "crc16", "xxhash": "",
	} {
		if got := nearest(word, hashes); got != want {
			t.Errorf("%q: got %q; want %q", word, got, want)
		}
	}
	if got := distance("ab", "ba"); got != 1 {
		t.Errorf("a swap: got %d; want 1", got)
	}
	if got := distance("kitten", "sitting"); got != 3 {
		t.Errorf("kitten, sitting: got %d; want 3", got)
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"a": `"a"`, `a"b\c`: `"a\"b\\c"`, "é\n\t\x7f": `"é\u000A\u0009\u007F"`, "\uFEFF\u2028": `"\uFEFF\u2028"`,
	} {
		if got := quote(text); got != want {
			t.Errorf("%q: got %s; want %s", text, got, want)
		}
	}
	for name, want := range map[string]string{"a-b_1": "a-b_1", "a.b": `"a.b"`, "": `""`, "é": `"é"`} {
		if got := bare(name); got != want {
			t.Errorf("%q: got %s; want %s", name, got, want)
		}
	}
}
