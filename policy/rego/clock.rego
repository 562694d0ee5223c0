package zonebox

# Time is the server's instant and the civil day of the pack's clock. A day is
# meant whole, first and last included; anything else must be an RFC 3339
# instant, and text that is neither makes the rule that asks undefined or an
# error, both of which deny.

now_ns := time.parse_rfc3339_ns(input.now)

offset_ns := ((pack.utc_offset_minutes * 60) * 1000) * 1000000

today := time.format([now_ns + offset_ns, "UTC", "2006-01-02"])

is_day(s) if {
	count(s) == 10
	time.parse_ns("2006-01-02", s) > 0
}

# begun holds from the day or instant s on.
begun(s) if {
	is_day(s)
	s <= today
} else if {
	count(s) != 10
	time.parse_rfc3339_ns(s) <= now_ns
}

# lasting holds through the day s, or until just before the instant s.
lasting(s) if {
	is_day(s)
	today <= s
} else if {
	count(s) != 10
	now_ns < time.parse_rfc3339_ns(s)
}

within(from, until) if {
	begun(from)
	lasting(until)
}

# instant orders days and instants; a day stands for its first moment.
instant(s) := time.parse_ns("2006-01-02", s) - offset_ns if {
	is_day(s)
} else := time.parse_rfc3339_ns(s) if {
	count(s) != 10
}
