package main

import (
	"reflect"
	"testing"

	"huntaway/config"
)

// TestLimitsReachTheDataPath: no limit of a file is forgotten on its way.
func TestLimitsReachTheDataPath(t *testing.T) {
	var from config.Limits
	v := reflect.ValueOf(&from).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(1000 + i))
	}
	p := threeGroups()
	p.Limits, p.Databases, p.AdminCommands = from, 7, true
	table, err := tableOf(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	opt, err := poolOptions(p, table)
	if err != nil {
		t.Fatal(err)
	}
	to := reflect.ValueOf(opt.Limits)
	for i := range to.NumField() {
		name := to.Type().Field(i).Name
		if got, want := to.Field(i).Int(), v.FieldByName(name).Int(); got != want {
			t.Errorf("%s: got %d; want %d", name, got, want)
		}
	}
	if opt.Databases != 7 || !opt.AdminCommands {
		t.Errorf("got %d databases, admin commands %v; want 7 and true", opt.Databases, opt.AdminCommands)
	}
}
