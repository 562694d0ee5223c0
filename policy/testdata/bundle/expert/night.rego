# Statements of single records are for office hours.
package zonebox.expert.night

deny contains {
	"code": "EXPERT_NIGHT_RECORDS",
	"article": "YC22-38",
	"about": input.query.scenario_id,
	"zh": "夜间(20 时至次日 8 时)不受理记录级语句",
	"en": "record-level statements are not taken between 20:00 and 08:00",
} if {
	input.query.record_level
	not daytime
}

daytime if {
	hour := to_number(trim_prefix(substring(input.now, 11, 2), "0"))
	hour >= 8
	hour < 20
}

limit := {"min_group": 20, "row_cap": 1000} if input.query.protected

demand contains {
	"review": "query_review",
	"code": "EXPERT_INCOME_REVIEW",
	"article": "YC22-38",
	"about": "persons.income",
	"zh": "使用收入列的语句须经专区监管部门审批",
	"en": "a statement that uses the income column is reviewed by the zone regulator",
} if "persons.income" in input.query.columns_read
