package ha

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A lot is one master that a Sentinel watches, as that Sentinel lists it. Immutable.
type lot struct {
	name     string   // that the Sentinel's configuration gives it
	addr     string   // host:port, canonical; of the promoted replica once that is decided
	epoch    uint64   // config-epoch: that of the failover that made addr the master; 0: none did
	doubted  bool     // s_down, o_down, or a failover is under way
	down     bool     // o_down: a quorum of Sentinels cannot reach it
	running  bool     // it is being replaced, and by whom is not decided
	chosen   bool     // a replica was promoted and the listed address is still the old one
	replicas []string // addresses of its replicas, canonical; nil when they were not asked for
}

// Over these the failover has its outcome and its epoch, and the listed address is still
// that of the old master: SENTINEL GET-MASTER-ADDR-BY-NAME tells the new one (sentinel.c,
// sentinelRefreshInstanceInfo and sentinelGetCurrentMasterAddress).
var outcomeStates = []string{"reconf_slaves", "update_config"}

// parseMasterEntries reads the answer of SENTINEL MASTERS. What cannot be read is left out, and is in
// the error.
func parseMasterEntries(reply any) ([]lot, error) {
	rows, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("SENTINEL MASTERS answered with a %T, not a list", reply)
	}
	var lots []lot
	var errs []error
	for _, row := range rows {
		l, err := parseMasterEntry(row)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		lots = append(lots, l)
	}
	return lots, errors.Join(errs...)
}

// parseMasterEntry reads one master: names and values in turn.
func parseMasterEntry(row any) (lot, error) {
	field, err := parseFields(row)
	if err != nil {
		return lot{}, err
	}
	l := lot{name: field["name"]}
	if l.name == "" {
		return l, errors.New("a master without a name")
	}
	if l.addr, err = canonical(field["ip"], field["port"]); err != nil {
		return l, fmt.Errorf("master %q: %w", l.name, err)
	}
	if l.epoch, err = strconv.ParseUint(field["config-epoch"], 10, 63); err != nil {
		return l, fmt.Errorf("master %q: config-epoch %q is no number", l.name, field["config-epoch"])
	}
	flags := strings.Split(field["flags"], ",")
	running := slices.Contains(flags, "failover_in_progress")
	l.doubted = running || slices.Contains(flags, "s_down") || slices.Contains(flags, "o_down")
	l.chosen = running && slices.Contains(outcomeStates, field["failover-state"])
	l.down = slices.Contains(flags, "o_down") && !l.chosen // the flag is about the old master
	l.running = running && !l.chosen
	return l, nil
}

// parseFields makes a map of names and values in turn.
func parseFields(row any) (map[string]string, error) {
	pairs, ok := row.([]any)
	if !ok || len(pairs)%2 != 0 {
		return nil, fmt.Errorf("a master or replica that is a %T, not pairs", row)
	}
	field := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		key, isText := pairs[i].(string)
		value, isTextToo := pairs[i+1].(string)
		if isText && isTextToo {
			field[key] = value
		}
	}
	return field, nil
}

// parseReplicas reads the addresses in the answer of SENTINEL REPLICAS; what cannot be read is
// left out.
func parseReplicas(reply any) []string {
	rows, _ := reply.([]any)
	addrs := []string{}
	for _, row := range rows {
		field, err := parseFields(row)
		if err != nil {
			continue
		}
		if addr, err := canonical(field["ip"], field["port"]); err == nil {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// canonical joins a host and a port so that equal addresses are equal texts.
func canonical(host, port string) (string, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("port %q is out of range", port)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	} else if host == "" || strings.ContainsFunc(host, notInName) {
		return "", fmt.Errorf("%q is neither an address nor a host name", host)
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.FormatUint(n, 10)), nil
}

func notInName(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_", r))
}
