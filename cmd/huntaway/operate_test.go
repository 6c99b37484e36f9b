package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestStatusCommand asks an admin port: what is printed, and the exit status.
func TestStatusCommand(t *testing.T) {
	ill := openOffice(t, troubled(), "")
	well := openOffice(t, &statusPage{Version: statusVersion, OK: true, Problems: []statusProblem{},
		Pools: []statusPool{{Name: "alpha", Mode: "observe", Groups: []statusGroup{}}}}, "")
	nobody := free(t)
	file := written(t, "huntaway.toml", fmt.Sprintf("[admin]\nhttp = %q\n[pools.a]\nlisten = \"127.0.0.1:1\"\nservers = [\"127.0.0.1:2:1\"]\n", ill.addr))
	off := written(t, "off.toml", "[admin]\nhttp = \"off\"\n[pools.a]\nlisten = \"127.0.0.1:1\"\nservers = [\"127.0.0.1:2:1\"]\n")
	section := fmt.Sprintf("[admin]\nhttp = %q\n", ill.addr)
	broken := written(t, "broken.toml", section+"[pools.a]\nlisten = \"127.0.0.1:1\"\nnonsense = 1\n")
	torn := written(t, "torn.toml", section+"[pools.a]\nlisten = \"127.0.0.1:1\n")
	early := written(t, "early.toml", "[pools.a]\nlisten = \"127.0.0.1:1\n"+section)
	for _, c := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{"status --admin " + well.addr, exitOK, "all is well", ""},
		{"status --quiet --admin " + well.addr, exitOK, "", ""},
		{"status --admin " + ill.addr, exitFailed, "error: pool alpha, group two: its master is in question", ""},
		{"status -c " + file, exitFailed, "error: pool alpha, group two", ""},
		{"status --json -c " + file, exitFailed, `"severity": "error"`, ""},
		{"status --admin " + nobody, exitUnasked, "", "asking the proxy at " + nobody},
		{"status --admin nonsense", exitUsage, "", "want host:port"},
		{"status -c " + off, exitUnasked, "", "has no admin port"},
		{"status -c " + broken, exitFailed, "error: pool alpha, group two", "is not right as it is now (huntaway check -c " + broken},
		{"events -c " + broken, exitOK, "alpha/one  healthy -> suspect", ""},
		{"status -c " + torn, exitFailed, "error: pool alpha, group two", ""},
		{"status -c " + early, exitUnasked, "", "cannot be read as far as its admin.http"},
		{"latch --group two -c " + early, exitUnasked, "", "--admin HOST:PORT where to ask"},
		{"status -c nowhere.toml", exitUnasked, "", "cannot be read as far as its admin.http"},
		{"status --admin " + well.addr + " -c " + early, exitOK, "all is well", ""},
		{"status --json --quiet", exitUsage, "", "none of the others can be"},
		{"events --admin " + ill.addr, exitOK, "alpha/one  healthy -> suspect  the master is silent (3 refused)", ""},
		{"events --json --admin " + ill.addr, exitOK, `"why": "3 refused"`, ""},
	} {
		got := huntaway(t, strings.Fields(c.line)...)
		if got.status != c.status {
			t.Errorf("huntaway %s: status %d; want %d\n%s", c.line, got.status, c.status, got.stderr)
		}
		mentions(t, "huntaway "+c.line+": standard output", got.stdout, c.stdout)
		mentions(t, "huntaway "+c.line+": standard error", got.stderr, c.stderr)
	}
	if got := huntaway(t, "status", "--quiet", "--admin", ill.addr); got.status != exitFailed || got.stdout+got.stderr != "" {
		t.Errorf("status --quiet: %+v; want status 1 and silence", got)
	}
	for file, want := range map[string]int{broken: exitFailed, early: exitUnasked} {
		if got := huntaway(t, "status", "--quiet", "-c", file); got.status != want || got.stdout+got.stderr != "" {
			t.Errorf("status --quiet -c %s: %+v; want status %d and silence", file, got, want)
		}
	}
	got := huntaway(t, "status", "--json", "--admin", ill.addr)
	var page statusPage
	if err := json.Unmarshal([]byte(got.stdout), &page); err != nil || len(page.Pools) != 2 {
		t.Errorf("status --json: %v, %+v; want the page", err, page)
	}
}

// TestOrderCommands gives orders, and meets every way they can end.
func TestOrderCommands(t *testing.T) {
	o, locked := openOffice(t, &statusPage{}, ""), openOffice(t, &statusPage{}, "s3cret")
	secret := written(t, "huntaway.toml", fmt.Sprintf("[admin]\nhttp = %q\ntoken = \"s3cret\"\n[pools.a]\nlisten = \"127.0.0.1:1\"\nservers = [\"127.0.0.1:2:1\"]\n", locked.addr))
	here := " --admin " + o.addr
	for _, c := range []struct {
		line           string
		status         int
		stdout, stderr string
	}{
		{"switchover --group one --to b:1 --expect-master a:1" + here, exitOK, "done: b:1 is the master of group one", ""},
		{"switchover --group one --to b:1 --expect-master a:1 --dry-run" + here, exitOK, "2. the master hands over", ""},
		{"switchover --group one --to b:1 --expect-master a:1 --dry-run" + here, exitOK, "nothing was done", ""},
		{"switchover --group one --to b:1" + here, exitUsage, "", "expect-master"},
		{"switchover --to b:1 --expect-master a:1" + here, exitUsage, "", "group"},
		{"switchover --group gone --to b:1 --expect-master a:1" + here, exitFailed, "", "there are: alpha/one"},
		{"switchover --group busy --to b:1 --expect-master a:1" + here, exitFailed, "", "the group is suspect; huntaway status"},
		{"switchover --group slow --to b:1 --expect-master a:1 --timeout 50ms" + here, exitFailed, "", "it goes on"},
		{"latch --group one --timeout 1h" + here, exitUsage, "", "--timeout 1h0m0s"},
		{"resolve --group one --master b:1" + here, exitOK, "done: b:1 is the master of group one", ""},
		{"latch --pool alpha --group one" + here, exitOK, "huntaway release --group one", ""},
		{"release --group one" + here, exitOK, "automatic failover of group one is on", ""},
		{"release --group one --admin " + locked.addr, exitFailed, "", "HUNTAWAY_ADMIN_TOKEN"},
		{"release --group one -c " + secret, exitOK, "done", ""},
		{"release --group one --admin " + free(t), exitUnasked, "", "is it running"},
	} {
		got := huntaway(t, strings.Fields(c.line)...)
		if got.status != c.status {
			t.Errorf("huntaway %s: status %d; want %d\n%s", c.line, got.status, c.status, got.stderr)
		}
		mentions(t, "huntaway "+c.line+": standard output", got.stdout, c.stdout)
		mentions(t, "huntaway "+c.line+": standard error", got.stderr, c.stderr)
	}
	cmd := program(t, "release", "--group", "one", "--admin", locked.addr)
	cmd.Env = append(cmd.Env, tokenVariable+"=s3cret")
	if got := ran(t, cmd); got.status != exitOK {
		t.Errorf("with the token in the environment: %+v; want status 0", got)
	}
	cmd = program(t, "release", "--group", "one")
	cmd.Env = append(cmd.Env, adminVariable+"="+o.addr)
	if got := ran(t, cmd); got.status != exitOK {
		t.Errorf("with the address in the environment: %+v; want status 0", got)
	}
}

// TestAdminDefault: the commands ask where a proxy listens unless it is told otherwise.
func TestAdminDefault(t *testing.T) {
	mentions(t, "config --defaults", huntaway(t, "config", "--defaults").stdout, fmt.Sprintf("#http = %q", adminDefault))
}

// TestConnectCommand checks servers that are there and one that is not.
func TestConnectCommand(t *testing.T) {
	c := troupe(t)
	text := "[pools.a]\nlisten = \"127.0.0.1:22121\"\nfailover = \"local\"\n"
	for i, g := range c.groups {
		text += fmt.Sprintf("[[pools.a.groups]]\nname = \"g%d\"\nmaster = %q\nsecondary = %q\nreplicas = %q\n", i, g[0], g[1], g[2])
	}
	file := written(t, "huntaway.toml", text)
	got := huntaway(t, "check", "--connect", "-c", file)
	if got.status != exitOK {
		t.Errorf("status %d; want 0\n%s", got.status, got.stderr)
	}
	mentions(t, "check --connect", got.stdout, "warning: 6 servers: "+c.groups[0][0]+", ", `: min-replicas-to-write is "0"`,
		"want: 1: so that of a group cut in two", "CONFIG SET min-replicas-to-write 1", "huntaway.toml: ok (1 pool, 2 groups, 6 servers; ")
	got = huntaway(t, "check", "--connect", "--format", "json", "-c", file)
	var found []findingLine
	if err := json.Unmarshal([]byte(got.stdout), &found); err != nil || len(found) == 0 || found[0].Severity != "warning" {
		t.Errorf("status %d, %v, %+v; want findings as JSON", got.status, err, found)
	}
	dead := written(t, "huntaway.toml", fmt.Sprintf("[pools.a]\nlisten = \"127.0.0.1:22121\"\nservers = [\"%s:1\"]\n", free(t)))
	got = huntaway(t, "check", "--connect", "-c", dead)
	if got.status != exitInvalid {
		t.Errorf("without a server: status %d; want 3\n%s", got.status, got.stdout)
	}
	mentions(t, "without a server", got.stdout, "error: pool a, group", ": no server of it is a master that answers")
	if first, _, _ := strings.Cut(got.stdout, "\n"); !strings.HasPrefix(first, "error: ") {
		t.Errorf("the first line is %q; want the errors first", first)
	}
	mentions(t, "without a server", got.stderr, "its servers: 1 error, 1 warning")
}
