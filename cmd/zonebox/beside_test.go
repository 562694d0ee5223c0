//go:build linux

package main

import (
	"bytes"
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// besides is where a script keeps the command lines that go on beside it, by name.
type besides struct{}

// beside is one of them.
type beside struct {
	out  bytes.Buffer // of both streams
	done chan struct{}
}

// besideCmd starts a command line that goes on beside the script.
func besideCmd(ts *testscript.TestScript, _ bool, args []string) {
	all := ts.Value(besides{}).(map[string]*beside)
	b := &beside{done: make(chan struct{})}
	all[args[0]] = b
	line := completed(ts, args[2:])
	ctx, cancel := context.WithCancel(context.Background())
	ts.Defer(func() {
		cancel()
		<-b.done
	})
	now := clockOf(ts).now
	go func() {
		defer close(b.done)
		runAt(ctx, now, line, strings.NewReader(""), &b.out, &b.out)
	}()
}

// endedCmd waits for the end of a command line and for a text in what it said.
func endedCmd(ts *testscript.TestScript, _ bool, args []string) {
	b := ts.Value(besides{}).(map[string]*beside)[args[0]]
	select {
	case <-b.done:
	case <-time.After(20 * time.Second):
		ts.Fatalf("%s has not ended", args[0])
	}
	if !regexp.MustCompile(args[1]).MatchString(b.out.String()) {
		ts.Fatalf("%s ended with %q, which does not match %s", args[0], b.out.String(), args[1])
	}
}

// untilCmd waits until the audit log has so many entries of a kind.
func untilCmd(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	line := completed(ts, []string{"audit", "list", "--as=feng.audit", "--limit=1000"})
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var out bytes.Buffer
		runAt(context.Background(), clockOf(ts).now, line, strings.NewReader(""), &out, &out)
		if strings.Count(out.String(), args[1]) >= want {
			return
		}
	}
	ts.Fatalf("the log has no %d entries %s", want, args[1])
}
