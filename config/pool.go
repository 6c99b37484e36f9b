package config

import "fmt"

// A poolDraft is a pool while it is read, with the places of its parts.
type poolDraft struct {
	pool    Pool
	at      span   // its name
	path    string // its key, for problems
	known   map[string]*entry
	limits  map[string]*entry
	listens []span
	groups  []*groupDraft
}

// spot returns the place of one of the pool's values, or of its name when the value is
// the default.
func (d *poolDraft) spot(known map[string]*entry, name string) span {
	if e := known[name]; e != nil {
		return e.value.at
	}
	return d.at
}

// readPool reads one pool of either format; nil when there is nothing in it to judge.
func (r *reader) readPool(e *entry, path string) *poolDraft {
	d := &poolDraft{at: e.at, path: path, pool: Pool{Name: e.name}}
	if e.value.shape != table {
		r.fail(e.at, path, fmt.Sprintf("%s where a pool's keys belong", e.value.shape), "")
		return nil
	}
	if bad := setText(new(string), e.name); bad != nil || e.name == "" {
		r.fail(e.at, path, fmt.Sprintf("%q is no name for a pool", e.name), "")
	}
	own, served := e.value, true
	if r.format == Nutcracker {
		own, served = r.twemproxyOnly(e.value, d)
	}
	poolSection.preset(&d.pool, r.format)
	limitsSection.preset(&d.pool.Limits, r.format)
	d.known = r.fields(own, &poolSection, &d.pool, path)
	r.readListen(d)
	r.readLimits(d)
	if len(d.pool.Sentinels) > 0 && d.known["failover"] == nil {
		d.pool.Failover = failoverSentinel
	}
	r.readMembers(d)
	if !served {
		return nil
	}
	r.splitReads(d)
	if d.known["hold_timeout"] == nil && !d.hasGroups() && d.pool.Failover != FailoverCluster {
		d.pool.HoldTimeout = 0
	}
	return d
}

// splitReads gives a pool of nutcracker.yml whose lines have the roles n or s the reads that
// these roles ask for, unless its keys say otherwise: the first Huntaway had no such keys.
func (r *reader) splitReads(d *poolDraft) {
	reader := d.firstReader()
	if r.format != Nutcracker || reader == nil || d.known["read_policy"] != nil {
		return
	}
	d.pool.ReadPolicy = "prefer-replica"
	text := "reads go to the servers with role n or s: read_policy is prefer-replica"
	if d.known["read_your_writes"] == nil {
		d.pool.ReadYourWrites = true
		text += " and read_your_writes true"
	}
	r.warn(reader.at, d.path, text+", because lines of this file have these roles", "give read_policy to say so or to have it otherwise")
}

// firstReader returns the first server that is no master, nil when there is none.
func (d *poolDraft) firstReader() *member {
	for _, g := range d.groups {
		for i := range g.members {
			if g.members[i].server.Role != RoleMaster {
				return &g.members[i]
			}
		}
	}
	return nil
}

// hasGroups tells whether some group has more than one server.
func (d *poolDraft) hasGroups() bool {
	for _, g := range d.groups {
		if len(g.members) > 1 {
			return true
		}
	}
	return false
}

// twemproxyOnly reads the keys of nutcracker.yml that are not ours and returns the rest of
// the table. A memcached pool is reported and not served, and is read on for what else is wrong: a misspelt key
// may be what makes it one.
func (r *reader) twemproxyOnly(n *node, d *poolDraft) (rest *node, served bool) {
	rest = &node{shape: table, at: n.at}
	protocol := &entry{at: d.at, value: &node{at: d.at, text: "false"}}
	for _, e := range n.entries {
		switch e.name {
		case "redis":
			protocol = e
		case "redis_auth":
			r.readAuth(n, e, d)
		default:
			rest.add(e)
		}
	}
	text, why := protocol.value.text, "redis: false"
	if protocol.name == "" {
		why = "it does not say redis: true"
	}
	switch {
	case protocol.value.shape != plain || text != "true" && text != "false":
		r.fail(protocol.value.at, join(d.path, "redis"), fmt.Sprintf("%q is neither true nor false", text), "in lower case")
	case text == "false":
		r.fail(protocol.value.at, d.path, fmt.Sprintf("pool %q is a memcached pool (%s), and Huntaway speaks Redis alone", d.pool.Name, why),
			"if its servers are Redis write redis: true; else leave this pool to nutcracker and take it out of this file")
		return rest, false
	}
	return rest, true
}

// readAuth reads redis_auth: what clients must send and what servers are sent.
func (r *reader) readAuth(n *node, e *entry, d *poolDraft) {
	key := join(d.path, e.name)
	if e.value.shape != plain || e.value.text == "" {
		r.fail(e.value.at, key, "the password is missing", "")
		return
	}
	for _, other := range []string{"password", "server_password"} {
		if o := n.get(other); o != nil {
			r.fail(o.at, join(d.path, other), "redis_auth sets this already", r.first(e.at))
		}
	}
	// Literal even when it starts with env: or file:, as for twemproxy.
	d.pool.Password = NewSecret(e.value.text)
	d.pool.ServerPassword = NewSecret(e.value.text)
}

// readListen reads one listening address or a list of them.
func (r *reader) readListen(d *poolDraft) {
	e := d.known["listen"]
	if e == nil {
		r.fail(d.at, d.path, "listen is missing", `where clients connect, like "127.0.0.1:22121"`)
		return
	}
	if r.format == Nutcracker && e.value.shape == list {
		r.fail(e.at, join(d.path, "listen"), "twemproxy has one address here, not a list", "several are possible in TOML")
		return
	}
	for _, v := range r.texts(e, join(d.path, "listen")) {
		l, bad := parseListen(v.text)
		if bad == nil && r.format == Nutcracker {
			bad = listenOfTwemproxy(v.text)
		}
		if bad != nil {
			r.reject(v.at, join(d.path, "listen"), bad)
			continue
		}
		d.pool.Listen = append(d.pool.Listen, l)
		d.listens = append(d.listens, v.at)
	}
}

// listenOfTwemproxy refuses the addresses that twemproxy refuses and we do not.
func listenOfTwemproxy(text string) *wrong {
	host, port, _ := splitPort(text)
	switch {
	case text[0] == '/':
	case host == "":
		return &wrong{fmt.Sprintf("%q names no address", text), `for all addresses write 0.0.0.0` + text}
	case port == "0":
		return &wrong{"port 0 is out of range", "1 to 65535"}
	}
	return nil
}

// texts returns the strings of a value that is one or a list of them.
func (r *reader) texts(e *entry, key string) []*node {
	items := []*node{e.value}
	if e.value.shape == list {
		items = e.value.items
	}
	var good []*node
	for _, v := range items {
		if bad := r.misshapen(&row{kind: kindText}, v); bad != nil {
			r.reject(v.at, key, bad)
			continue
		}
		good = append(good, v)
	}
	if len(items) == 0 {
		r.fail(e.value.at, key, "the list is empty", "")
	}
	return good
}

func (r *reader) readLimits(d *poolDraft) {
	e := d.known["limits"]
	switch {
	case e == nil:
	case e.value.shape != table:
		r.fail(e.value.at, join(d.path, "limits"), fmt.Sprintf("%s where a table belongs", e.value.shape), "")
	default:
		d.limits = r.fields(e.value, &limitsSection, &d.pool.Limits, join(d.path, "limits"))
	}
}

// readMembers reads the servers and the groups, judges them and gives them to the pool.
func (r *reader) readMembers(d *poolDraft) {
	before := r.found
	if e := d.known["servers"]; e != nil {
		path := join(d.path, "servers")
		d.groups = gather(r.lines(e, path, parseLine), path)
		for _, g := range d.groups {
			g.partial = r.found > before
		}
	}
	if e := d.known["groups"]; e != nil {
		r.readGroups(d, e)
	}
	if d.known["servers"] == nil && d.known["groups"] == nil {
		r.fail(d.at, d.path, "the pool has no servers", r.howToServers())
	}
	for _, g := range d.groups {
		g.settle(d.pool.RingLabels)
	}
	r.judgeGroups(d.groups)
	for _, g := range d.groups {
		d.pool.Groups = append(d.pool.Groups, g.group)
	}
}

func (r *reader) howToServers() string {
	if r.format == Nutcracker {
		return `"servers:" and below it lines like "- 127.0.0.1:6379:1"`
	}
	return `servers = ["127.0.0.1:6379:1"], or [[` + "pools.NAME.groups" + `]]`
}

// lines reads a list of server lines with parse.
func (r *reader) lines(e *entry, key string, parse func(string) (member, *wrong)) []member {
	if e.value.shape == plain && e.value.text == "" {
		r.fail(e.value.at, key, "the list is empty", r.howToServers())
		return nil
	}
	if e.value.shape != list {
		r.fail(e.value.at, key, fmt.Sprintf("%s where a list of server lines belongs", e.value.shape), "")
		return nil
	}
	return r.members(e, key, parse)
}

// members reads one text or a list of them with parse.
func (r *reader) members(e *entry, key string, parse func(string) (member, *wrong)) []member {
	var members []member
	for _, v := range r.texts(e, key) {
		m, bad := parse(v.text)
		if bad != nil {
			r.reject(v.at, key, bad)
			continue
		}
		m.at = v.at
		members = append(members, m)
	}
	return members
}

// readGroups reads the [[groups]] tables.
func (r *reader) readGroups(d *poolDraft, e *entry) {
	path := join(d.path, "groups")
	if e.value.shape != list {
		r.fail(e.at, path, fmt.Sprintf("%s where a list of tables belongs", e.value.shape), "write [["+path+"]]")
		return
	}
	for i, n := range e.value.items {
		key := fmt.Sprintf("%s[%d]", path, i)
		if n.shape != table {
			r.fail(n.at, key, fmt.Sprintf("%s where a table belongs", n.shape), "write [["+path+"]]")
			continue
		}
		d.groups = append(d.groups, r.readGroup(n, key))
	}
}

// readGroup reads one group.
func (r *reader) readGroup(n *node, path string) *groupDraft {
	g := &groupDraft{at: n.at, path: path}
	before := r.found
	defer func() { g.partial = r.found > before }()
	groupSection.preset(&g.group, r.format)
	known := r.fields(n, &groupSection, &g.group, path)
	if g.group.Name == "" && g.group.GID == 0 {
		r.fail(n.at, path, "the group has neither name nor gid",
			"its place on the ring must not depend on its servers: give it a name")
	}
	roles := []struct {
		key  string
		role byte
	}{{"master", RoleMaster}, {"secondary", RoleSecondary}, {"replicas", RoleReplica}}
	for _, x := range roles {
		e := known[x.key]
		if e == nil {
			continue
		}
		if x.role == RoleMaster && e.value.shape == list {
			r.fail(e.value.at, join(path, x.key), "a list where one server belongs", "a group has one master")
			continue
		}
		for _, m := range r.members(e, join(path, x.key), parseMember) {
			m.server.Role = x.role
			g.members = append(g.members, m)
		}
		if s := known["servers"]; s != nil {
			r.fail(s.at, join(path, "servers"), "server lines and "+x.key+" in one group", "either the one or the other")
		}
	}
	if e := known["servers"]; e != nil && len(g.members) == 0 {
		r.groupLines(g, e, known)
	}
	if len(g.members) == 0 && len(n.entries) > 0 && known["servers"] == nil && known["master"] == nil {
		r.fail(n.at, path, "the group has no servers", `master = "host:port"`)
	}
	return g
}

// groupLine says what a group's servers look like.
const groupLine = "in a group a line is " + roledLine + `; or name them instead: master = "host:port", replicas = ["host:port"]`

// parseGroupLine is parseLine for a group's lines, where an address alone means that the other form was meant.
func parseGroupLine(text string) (member, *wrong) {
	m, bad := parseLine(text)
	if bad != nil && bad.hint == plainLine {
		bad.hint = groupLine
	}
	return m, bad
}

// groupLines reads a group's server lines; gid and weight come from the first of them when
// the table itself does not say.
func (r *reader) groupLines(g *groupDraft, e *entry, known map[string]*entry) {
	path := join(g.path, "servers")
	for _, m := range r.lines(e, path, parseGroupLine) {
		if !m.roled {
			r.fail(m.at, path, fmt.Sprintf("%s has no role", m.server.Addr), groupLine)
			continue
		}
		g.members = append(g.members, m)
	}
	if len(g.members) == 0 {
		return
	}
	if known["gid"] == nil {
		g.group.GID = g.members[0].gid
	}
	if known["weight"] == nil {
		g.group.Weight = g.members[0].share
	}
}
