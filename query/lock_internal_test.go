package query

import (
	"errors"
	"syscall"
	"testing"
	"time"
)

// A gate that is started when another was just killed waits for what is left of it,
// and where another gate serves it does not start.
func TestTheLockOfADomainIsWaitedForAMoment(t *testing.T) {
	dir := t.TempDir()
	other, err := lockDomain(dir)
	if err != nil {
		t.Fatal(err)
	}
	freed := time.AfterFunc(100*time.Millisecond, func() { _ = other.Close() })
	defer freed.Stop()
	ours, err := lockDomain(dir)
	if err != nil {
		t.Fatalf("a lock that is given up soon: %v", err)
	}
	defer ours.Close()
	if third, err := lockDomain(dir); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("a lock that another holds = %v, %v, want EWOULDBLOCK", third, err)
	}
}
