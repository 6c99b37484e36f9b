package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExitStatusAndVoice goes through command lines that do not serve: what they end with
// and what they say where.
func TestExitStatusAndVoice(t *testing.T) {
	const seed, broken = "testdata/seed.yml", "testdata/broken.toml"
	for _, c := range []struct {
		line           string
		status         int
		stdout, stderr string // a part of it; "" demands nothing
	}{
		{"", exitOK, "Available Commands", ""},
		{"--help", exitOK, "huntaway run -c", ""},
		{"version", exitOK, "huntaway devel (", ""},
		{"-V", exitOK, "huntaway devel (", ""},
		{"version --deps", exitOK, "github.com/panjf2000/gnet/v2", ""},
		{"metrics", exitOK, "huntaway_proxy_overhead_seconds", ""},
		{"-D", exitOK, "forward_error", ""},
		{"completion bash", exitOK, "__start_huntaway", ""},
		{"man", exitOK, ".SH NAME", ""},
		{"config --defaults", exitOK, "[pools.", ""},
		{"config --man", exitOK, ".SH", ""},
		{"config", exitUsage, "", "--defaults"},
		{"rum", exitUsage, "", "unknown command \"rum\""},
		{"run --wrong", exitUsage, "", "unknown flag: --wrong"},
		{"run", exitUsage, "", "-c FILE or in HUNTAWAY_CONFIG"},
		{"run nowhere.toml", exitInvalid, "", "nowhere.toml"},
		{"run -c a.toml b.toml", exitUsage, "", "two configurations: -c a.toml and b.toml"},
		{"check a.toml b.toml", exitUsage, "", "huntaway check takes one configuration, and got 2 arguments"},
		{"check " + seed, exitOK, "seed.yml: ok", ""},
		{"status " + seed, exitUsage, "", "huntaway status takes no arguments, and got \"testdata/seed.yml\"; a configuration is named with -c FILE"},
		{"version now", exitUsage, "", "huntaway version takes no arguments, and got \"now\""},
		{seed, exitUsage, "", "is no command but a file; to serve it: huntaway run testdata/seed.yml"},
		{"chekc", exitUsage, "", "unknown command \"chekc\"; did you mean check?"},
		{"check -c " + seed, exitOK, "seed.yml: ok (2 pools, 5 groups, 7 servers)", ""},
		{"-t -c " + seed, exitOK, "seed.yml: ok", ""},
		{"check -c " + broken, exitInvalid, "", "broken.toml: 2 errors"},
		{"-t -c " + broken, exitInvalid, "", "broken.toml: 2 errors"},
		{"run -c " + broken, exitInvalid, "", "broken.toml: 2 errors"},
		{"import " + broken, exitInvalid, "", "broken.toml: 2 errors"},
		{"check -c nowhere.toml", exitInvalid, "", "nowhere.toml"},
		{"check --format xml -c " + seed, exitUsage, "", "want text or json"},
		{"-d -c nowhere.toml", exitInvalid, "", "nowhere.toml"},
		{"-d -t -c " + seed, exitOK, "seed.yml: ok", ""},
		{"-v 12 -c " + seed, exitUsage, "", "-v 12: want 0"},
		{"-v high -c " + seed, exitUsage, "", "invalid argument"},
		{"route -c " + seed, exitUsage, "", "got none: huntaway route -c FILE GET"},
		{"route -c " + seed + " --pool gamma GET a", exitUsage, "", "no pool \"gamma\"; there are: alpha, beta"},
		{"route -c " + seed + " NOSUCH a", exitFailed, "", "unknown command \"NOSUCH\""},
		{"route -c " + seed + " GET", exitFailed, "", "wrong number of arguments for \"get\""},
	} {
		got := huntaway(t, strings.Fields(c.line)...)
		if got.status != c.status {
			t.Errorf("huntaway %s: status %d; want %d\n%s", c.line, got.status, c.status, got.stderr)
		}
		mentions(t, "huntaway "+c.line+": standard output", got.stdout, c.stdout)
		mentions(t, "huntaway "+c.line+": standard error", got.stderr, c.stderr)
		if c.status != exitOK && got.stdout != "" {
			t.Errorf("huntaway %s: says %q on standard output; want errors on standard error", c.line, got.stdout)
		}
	}
}

// TestCheckPointsAtTheFault pins what a person reads, and what a program does.
func TestCheckPointsAtTheFault(t *testing.T) {
	golden(t, "check.golden", huntaway(t, "check", "-c", "testdata/broken.toml").stderr)
	got := huntaway(t, "check", "-c", "testdata/broken.toml", "--format", "json")
	var problems []struct {
		Line     int
		Severity string
	}
	if err := json.Unmarshal([]byte(got.stdout), &problems); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, got.stdout)
	}
	if got.status != exitInvalid || len(problems) != 2 || problems[0].Line != 3 || problems[0].Severity != "error" {
		t.Errorf("status %d, %+v; want 3 and errors of lines 3 and 4", got.status, problems)
	}
	got = huntaway(t, "check", "-c", "testdata/seed.yml", "--format", "json")
	if got.status != exitOK || !json.Valid([]byte(got.stdout)) {
		t.Errorf("status %d, %q; want 0 and JSON", got.status, got.stdout)
	}
}

// TestRouteExplains pins the text for reads, writes, hash tags, random and keyless commands.
func TestRouteExplains(t *testing.T) {
	var all strings.Builder
	for _, command := range []string{"GET user:42", "SET {user:42}.name x", "MGET a b c", "PING", "LPUSH l -1"} {
		got := huntaway(t, append([]string{"route", "-c", "testdata/seed.yml"}, strings.Fields(command)...)...)
		if got.status != exitOK {
			t.Errorf("route %s: status %d: %s", command, got.status, got.stderr)
		}
		all.WriteString("$ huntaway route " + command + "\n" + got.stdout + "\n")
	}
	golden(t, "route.golden", all.String())
	got := huntaway(t, "route", "-c", "testdata/seed.yml", "--pool", "alpha", "--json", "GET", "user:42")
	golden(t, "route.json.golden", got.stdout)
}

// TestImportMovesNoKey translates a nutcracker.yml and asks both files for many keys.
func TestImportMovesNoKey(t *testing.T) {
	imported := huntaway(t, "import", "testdata/seed.yml")
	if imported.status != exitOK {
		t.Fatal(imported.stderr)
	}
	file := written(t, "huntaway.toml", imported.stdout)
	keys := []string{"route", "--pool", "alpha", "--json", "-c", "", "MGET"}
	for c := 'a'; c <= 'z'; c++ {
		keys = append(keys, "key:"+string(c), strings.Repeat(string(c), 9))
	}
	keys[5] = "testdata/seed.yml"
	before := huntaway(t, keys...)
	keys[5] = file
	after := huntaway(t, keys...)
	if before.stdout == "" || before.stdout != after.stdout {
		t.Errorf("before\n%s%s\nafter\n%s%s\nwant no difference", before.stdout, before.stderr, after.stdout, after.stderr)
	}
}

// TestSecretsAreNotShown looks for the password of testdata/seed.yml in everything that
// shows a configuration but import, whose file must work.
func TestSecretsAreNotShown(t *testing.T) {
	for _, line := range []string{"config show -c testdata/seed.yml", "check -c testdata/seed.yml",
		"check -c testdata/seed.yml --format json", "route -c testdata/seed.yml GET a"} {
		got := huntaway(t, strings.Fields(line)...)
		if got.status != exitOK || strings.Contains(got.stdout+got.stderr, "quite-secret") {
			t.Errorf("huntaway %s: status %d, and the password in\n%s%s", line, got.status, got.stdout, got.stderr)
		}
	}
	mentions(t, "config show", huntaway(t, "config", "show", "-c", "testdata/seed.yml").stdout, "***", "[pools.beta]")
}

// TestEnvironmentNamesTheFile and overrides what it says.
func TestEnvironmentNamesTheFile(t *testing.T) {
	cmd := program(t, "config", "show")
	cmd.Env = append(cmd.Env, "HUNTAWAY_CONFIG=testdata/seed.yml", "HUNTAWAY_LOG_LEVEL=debug")
	got := ran(t, cmd)
	if got.status != exitOK {
		t.Fatal(got.stderr)
	}
	mentions(t, "config show", got.stdout, `level = "debug"`, "[pools.alpha]")
	cmd = program(t, "config", "show")
	cmd.Env = append(cmd.Env, "HUNTAWAY_CONFIG=testdata/seed.yml", "HUNTAWAY_LOG_LEVEL=loud")
	if got := ran(t, cmd); got.status != exitInvalid || !strings.Contains(got.stderr, "HUNTAWAY_LOG_LEVEL") {
		t.Errorf("status %d: %s; want 3 and the variable's name", got.status, got.stderr)
	}
}

// TestDefaultsAreAFile: what config --defaults prints must pass check.
func TestDefaultsAreAFile(t *testing.T) {
	file := written(t, "huntaway.toml", huntaway(t, "config", "--defaults").stdout)
	if got := huntaway(t, "check", "-c", file); got.status != exitOK {
		t.Errorf("status %d: %s; want 0", got.status, got.stderr)
	}
}

// TestManualPages demands a page per command.
func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man8")
	if got := huntaway(t, "man", "--dir", dir); got.status != exitOK {
		t.Fatal(got.stderr)
	}
	for _, page := range []string{"huntaway.8", "huntaway-run.8", "huntaway-config-show.8", "huntaway-demo.8"} {
		text, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Error(err)
			continue
		}
		mentions(t, page, string(text), ".SH NAME", "HUNTAWAY")
	}
}

// TestMissingSecrets: commands that need no secret of a file do not ask for its environment; who
// serves by it, checks it, or gives an order that the token is for, does.
func TestMissingSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.toml")
	text := "[admin]\nhttp = \"127.0.0.1:1\"\ntoken = \"env:NOT_SET_TOKEN\"\n[pools.a]\nlisten = \"127.0.0.1:0\"\nservers = [\"127.0.0.1:2:1\"]\n" +
		"password = \"env:NOT_SET_PASSWORD\"\nserver_password = \"file:nowhere\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{"status -c " + file, exitUnasked, "", "asking the proxy at 127.0.0.1:1"},
		{"events -c " + file, exitUnasked, "", "asking the proxy at 127.0.0.1:1"},
		{"route -c " + file + " GET k", exitOK, "127.0.0.1:2", ""},
		{"commands -c " + file, exitOK, "GET", ""},
		{"latch --group g -c " + file, exitUnasked, "", "NOT_SET_TOKEN"},
		{"check -c " + file, exitInvalid, "", "NOT_SET_PASSWORD"},
		{"run -c " + file, exitInvalid, "", "NOT_SET_TOKEN"},
	} {
		got := huntaway(t, strings.Fields(c.line)...)
		if got.status != c.status || !strings.Contains(got.stdout, c.stdout) || !strings.Contains(got.stderr, c.stderr) {
			t.Errorf("%s: got status %d, stderr %q; want %d, %q", c.line, got.status, got.stderr, c.status, c.stderr)
		}
	}
}
