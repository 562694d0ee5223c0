package zonebox

# NJ24-14: an exception raises the one figure it names, while it lasts, as far as the
# pack lets it, by the word of three organizations. What the pack does not list is
# raised by nothing, and no rule but the two figures below looks at an exception.
exceptions[x.relaxes] contains x if {
	some x in input.exceptions
	x.license == input.license.id
	within(x.from, x.until)
	bound := pack.exceptions[x.relaxes]
	x.value <= bound.ceiling
	instant(x.until) < time.add_date(instant(x.from), 0, 0, bound.days)
	exception_agreed(x)
}

# The city authority, the zone's regulator and the dataset's provider: three people of
# three organizations, none of them the operator's.
exception_agreed(x) if {
	x.zreg.org == input.zone.regulator
	x.prov.org == x.provider
	all_differ([x.city.by, x.zreg.by, x.prov.by])
	all_differ([x.city.org, x.zreg.org, x.prov.org, input.license.operator])
	every step in [x.city, x.zreg, x.prov] {
		begun(step.at)
	}
}

all_differ(names) if count(names) == count({name | some name in names})

# The cap of rows: of one scenario, over one dataset and nothing beside it, of figures
# and never of records.
cap_exceptions contains x if {
	asking
	some x in exceptions.row_cap
	x.scenario == input.scenario.id
	concerned == {x.dataset}
	x.value > pack.row_cap
	figures_only
}

# What reads nothing protected leaves in no groups, and so its cap stays.
figures_only if {
	input.query.protected
	input.query.record_level == false
	some figure in input.query.outputs
	figure.form == "aggregate"
	every out in input.query.outputs {
		figure_or_label(out)
	}
}

figure_or_label(out) if out.form in {"aggregate", "group_label", "constant"}

figure_or_label(out) if {
	out.form in {"clear", "masked"}
	every column in out.lineage {
		column in input.query.group_cols
	}
}

most_rows := max({pack.row_cap} | {x.value | some x in cap_exceptions})

warn contains ["EXCEPTION_ROW_CAP", x.id] if {
	some x in cap_exceptions
	x.value == most_rows
	not few_rows
}

# few_rows holds of an output that the exception was not needed for.
few_rows if input.output.rows <= pack.row_cap

# The term of a license: for each dataset its own exception. That there is one is
# enough for the license to come into force.
term_exceptions contains x if {
	licensed
	not term_short
	some x in exceptions.license_term
	instant(input.license.end) <= time.add_date(instant(input.license.start), x.value, 0, 0)
}

term_excepted if {
	activating
	count(term_exceptions) > 0
}

term_excepted if {
	asking
	count(concerned) > 0
	every name in concerned {
		name in {x.dataset | some x in term_exceptions}
	}
}

warn contains ["EXCEPTION_TERM", x.id] if {
	some x in term_exceptions
	x.dataset in concerned
}

warn contains ["EXCEPTION_TERM", x.id] if {
	activating
	some x in term_exceptions
}
