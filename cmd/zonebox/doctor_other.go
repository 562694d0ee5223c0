//go:build !linux

package main

import (
	"errors"
	"time"
)

// lookAtProcess knows nothing here: a gate runs on Linux.
func lookAtProcess(now time.Time) surroundings { return surroundings{now: now} }

// lookAtPlace knows nothing here.
func lookAtPlace(string) (site, error) { return site{}, errors.ErrUnsupported }
