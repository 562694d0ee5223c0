package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// unit returns the settings of a systemd unit, each with its values in order: a line
// that sets nothing takes back those before it.
func unit(t *testing.T, text string) map[string][]string {
	t.Helper()
	set := map[string][]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "[") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		switch {
		case !ok:
			t.Errorf("%q is no setting", line)
		case value == "":
			set[name] = nil
		default:
			set[name] = append(set[name], value)
		}
	}
	return set
}

// The gate alone is told to stop, has as long as it needs for what runs, and is not
// started again with settings that are wrong.
func TestTheUnitLetsAGateDrain(t *testing.T) {
	text, err := os.ReadFile("../../packaging/zonebox.service")
	if err != nil {
		t.Fatal(err)
	}
	set := unit(t, string(text))
	for name, want := range map[string][]string{
		"KillMode": {"mixed"}, "RestartPreventExitStatus": {"2"}, "Restart": {"on-failure"}, "Delegate": {"yes"}, "OOMPolicy": {"continue"},
		"LoadCredential": {"passphrase:/etc/zonebox/passphrase"}, "IPAddressDeny": {"any"}, "NoNewPrivileges": {"yes"}, "LimitCORE": {"0"}, "MemorySwapMax": {"0"},
		"CapabilityBoundingSet": nil, "RestrictNamespaces": nil, "PrivateUsers": nil, "ProtectProc": nil, "ProtectClock": nil,
		"SystemCallFilter": {"~@cpu-emulation @debug @module @obsolete @raw-io @reboot @swap"}, // and not @clock, by which the clock is asked
	} {
		if !slices.Equal(set[name], want) {
			t.Errorf("%s is %q, want %q", name, set[name], want)
		}
	}
	stop, err := time.ParseDuration(strings.Join(set["TimeoutStopSec"], " ") + "s")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile("../../packaging/zonebox.yaml") // whose defaults are those of the program
	if err != nil {
		t.Fatal(err)
	}
	drain, err := time.ParseDuration(string(regexp.MustCompile(`(?m)^# drain: (\S+)$`).FindSubmatch(settings)[1]))
	if err != nil {
		t.Fatal(err)
	}
	if stop <= drain+40*time.Second {
		t.Errorf("it is killed after %s, and drains for %s", stop, drain)
	}
}

// With the drop-in of the guide nothing of the passphrase is left, and the files that
// the settings name are those that systemd hands over.
func TestTheUnitTakesCredentialsOfVault(t *testing.T) {
	text, err := os.ReadFile("../../packaging/zonebox.service")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../docs/guides/install.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string) string {
		t.Helper()
		_, rest, _ := strings.Cut(string(guide), "\n```"+kind+"\n")
		in, _, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatalf("the guide has no block of %s", kind)
		}
		return in
	}
	set := unit(t, string(text)+block("ini"))
	for name, want := range map[string][]string{
		"ConditionPathExists": {"/etc/zonebox/vault.yaml"},
		"LoadCredential":      {"role-id:/etc/zonebox/role-id", "secret-id:/etc/zonebox/secret-id"},
		"ExecStart":           {"/opt/zonebox/bin/zonebox serve --vault /etc/zonebox/vault.yaml"},
		"IPAddressAllow":      {"localhost", "192.0.2.10"}, "IPAddressDeny": {"any"}, "KillMode": {"mixed"},
	} {
		if !slices.Equal(set[name], want) {
			t.Errorf("%s is %q, want %q", name, set[name], want)
		}
	}
	for _, want := range []string{"role_id_file: /run/credentials/zonebox.service/role-id\n", "secret_id_file: /run/credentials/zonebox.service/secret-id\n"} {
		if !strings.Contains(block("yaml"), want) {
			t.Errorf("the settings have no %q", want)
		}
	}
}
