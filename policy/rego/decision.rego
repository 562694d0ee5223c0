# The decision. Rules elsewhere in this package add to three partial sets: deny,
# review and warn, each element [code, about]. The verdict follows from them and
# nothing else: any deny is DENY, else any review is REVIEW, else ALLOW, and
# ALLOW only when every fact group the action needs is there. reasons.json has
# the article and the texts of each code.
package zonebox

decision := {
	"verdict": verdict,
	"reasons": [reason(r) | some r in objections],
	"warnings": [reason(r) | some r in warn],
	"obligations": duties,
	"reviewers": waiting,
	"binding": input.binding,
}

default verdict := "DENY"

verdict := "REVIEW" if {
	complete
	count(deny) == 0
	count(review) > 0
}

verdict := "ALLOW" if {
	complete
	count(deny) == 0
	count(review) == 0
}

objections := deny if verdict == "DENY"

objections := review if verdict != "DENY"

duties := no_obligations if verdict == "DENY"

duties := obligations if verdict != "DENY"

waiting := [] if verdict == "DENY"

waiting := reviewers_missing if verdict != "DENY"

# complete holds when every group the action needs is present. The schema of the
# input has said so before; this keeps the rules safe on their own.
complete if {
	groups := needs[input.action]
	count(groups - object.keys(input)) == 0
}

common := {"now", "binding", "capabilities", "subject", "zone", "runtime"}

needs := {
	"query": (common | asked),
	"explain": (common | asked),
	"release": ((common | asked) | {"output"}),
	"load": (common | {"scenario", "grants", "datasets", "columns", "load"}),
	"apply": (common | {"change"}),
	"preview": (common | {"grants", "datasets", "columns", "preview"}),
	"review": (common | {"datasets", "query", "review"}),
}

asked := {"operator", "license", "scenario", "restrictions", "exceptions", "query", "consent", "masking"}

deny contains ["FACT_MISSING", group] if {
	some group in (needs[input.action] - object.keys(input))
}

deny contains ["FACT_MISSING", "action"] if not needs[input.action]

# asking holds for actions about a statement.
asking if input.action in {"query", "explain", "release"}

reason([code, about]) := {
	"code": code,
	"about": about,
	"article": text.article,
	"zh": replace(text.zh, "{}", about),
	"en": replace(text.en, "{}", about),
} if {
	text := data.reasons[code]
} else := {"code": code, "about": about, "article": "", "zh": code, "en": code}
