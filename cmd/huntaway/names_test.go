package main

import (
	"slices"
	"testing"

	"huntaway/config"
	"huntaway/shard"
)

// TestNamesAgree compares the words that config accepts with those that shard builds:
// neither may know one that the other does not.
func TestNamesAgree(t *testing.T) {
	for _, c := range []struct {
		what          string
		config, shard []string
	}{
		{"hashes", config.Hashes(), shard.HashNames()},
		{"distributions", config.Distributions(), shard.DistributionNames()},
		{"read policies", config.ReadPolicies(), []string{shard.ReadMaster.String(),
			shard.PreferReplica.String(), shard.ReplicaOnly.String(), shard.Nearest.String()}},
	} {
		if !slices.Equal(c.config, c.shard) {
			t.Errorf("%s: config has %v; shard %v", c.what, c.config, c.shard)
		}
	}
}

// TestRolesAgree: the letters of a configuration are those of a table.
func TestRolesAgree(t *testing.T) {
	for letter, role := range map[byte]shard.Role{
		config.RoleMaster: shard.Master, config.RoleSecondary: shard.Secondary, config.RoleReplica: shard.Replica,
	} {
		if letter != byte(role) {
			t.Errorf("config says %q; shard %q", letter, role)
		}
	}
}
