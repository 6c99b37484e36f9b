package main

import (
	"go/ast"
	"strings"
	"testing"
)

// calendars are the files that may read the calendar, and what for. Whatever is measured or
// decided goes by perf.Now, or by a time.Time that keeps its monotonic reading: a calendar may be
// set by an hour at any moment.
var calendars = map[string]string{
	"ha/statestore.go":         "the hour of a failover, for the next process",
	"loop/local_info.go":       "INFO's server_time_usec",
	"loop/local_connection.go": "the command TIME",
}

// strips are the methods and functions that leave nothing but the calendar of a time.Time.
var strips = map[string]bool{"Unix": true, "UnixMilli": true, "UnixMicro": true, "UnixNano": true, "Date": true, "ParseInLocation": true}

// TestNothingGoesByTheCalendar looks for whoever turns a moment into a date.
func TestNothingGoesByTheCalendar(t *testing.T) {
	found := map[string]bool{}
	for _, f := range goFiles(t) {
		if strings.HasPrefix(f.path, "perf/") {
			continue // shows moments, and compares none
		}
		ast.Inspect(f.ast, func(node ast.Node) bool {
			if call, ok := node.(*ast.CallExpr); ok {
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && strips[method.Sel.Name] {
					found[f.path] = true
				}
			}
			return true
		})
	}
	for path := range found {
		if calendars[path] == "" {
			t.Errorf("%s reads the calendar; want perf.Now, or a line in calendars that says why", path)
		}
	}
	for path := range calendars {
		if !found[path] {
			t.Errorf("%s does not read the calendar any more; want it out of the list", path)
		}
	}
}
