package query

import "strings"

// hint says what the asking person can do about a reason.
type hint struct{ zh, en string }

// hints are by the beginning of policy's codes, and of those of the analysis
// that say nothing themselves; the longest that fits counts.
// Nothing is said of the facts themselves, which the texts of the reasons name.
var hints = map[string]hint{
	"":                     {"向专区监管部门了解依据", "ask the zone regulator for the basis"},
	"UNKNOWN_NAME":         {"核对拼写;本专区已发布的目录见 get datasets", "check the spelling; get datasets lists what the zone has published"},
	"LICENSE_":             {"由协议各方续签、更正或恢复协议后再提问", "the parties must renew, mend or resume the license first"},
	"OPERATOR_":            {"由本单位更正登记信息或补交证明材料", "have your organization's registration or evidence mended"},
	"ACCESS_":              {"限制措施解除后再提问", "ask again when the restriction is lifted"},
	"ACCESS_RATE":          {"稍后再试,或申请放宽限制", "try again later, or apply for a wider limit"},
	"ZONE_":                {"由专区监管部门处理", "the zone regulator must settle it"},
	"SCENARIO_":            {"改用期限之内的场景,或申请变更场景", "use a scenario whose period covers today, or apply for a change"},
	"PURPOSE_":             {"填写场景登记的用途代码(get scenario 可查)", "give the purpose code of the scenario (see get scenario)"},
	"RECIPIENT_":           {"改为场景登记的接收人,或申请变更场景", "name a recipient of the scenario, or apply for a change"},
	"DATASET_NOT_GRANTED":  {"提出数据申请:explain --request", "file a data request: explain --request"},
	"COLUMN_NOT_GRANTED":   {"提出数据申请:explain --request", "file a data request: explain --request"},
	"DATASET_NOT_LOADED":   {"由数据中心装载后再提问", "ask again when the data centre has loaded it"},
	"DATASET_":             {"该数据集现不可用,改用其他数据集", "the dataset is not to be used now; use another"},
	"COLUMN_":              {"该列现不可用,从语句中去掉", "the column is not to be used now; leave it out"},
	"GRANT_PERIOD":         {"提出新的数据申请:explain --request", "file a new data request: explain --request"},
	"GRANT_ENTRY_CHANGED":  {"请专区监管部门与提供单位按现行目录条目重新签署该授权,或提出新的数据申请:explain --request", "have the zone regulator and the provider sign the grant again under the entry of today, or file a new data request: explain --request"},
	"GRANT_":               {"由专区监管部门与提供单位更正授权", "the zone regulator and the provider must mend the grant"},
	"LEVEL_CLEAR":          {"由专区监管部门改为脱敏或仅供计算的授权", "have the grant changed to MASKED or COMPUTE_ONLY"},
	"CONSENT_":             {"由数据提供单位补登个人同意", "the provider must register the consents"},
	"QUERY_REVIEW":         {"提交后由专区监管部门审批,再以 --resume 继续", "submit it; after the zone regulator's approval continue with --resume"},
	"RELEASE_REVIEW":       {"执行后由审核人放行,再以 --resume 领取", "it runs; after the release review collect it with --resume"},
	"RELEASE_IDENTIFIER":   {"从语句中去掉该列,或申请对其来源列脱敏;确属公开的号码,由提供单位核实目录并重新装载", "leave the column out, or have its source masked; if the numbers are public, the provider must check the catalogue entry and have the data loaded again"},
	"SUBJECT_NOT_OPERATOR": {"在本单位协议的应用场景下提问", "ask in a scenario of your own license"},
	"RUNTIME_":             {"由数据中心检查本机隔离(doctor)", "the data centre must check this host (doctor)"},
	"PACK_":                {"由市数据主管部门登记续行依据", "the city data authority must record the basis for going on"},
}

// hintFor returns what to do about a code of policy.
func hintFor(code string) hint {
	best := ""
	for prefix := range hints {
		if strings.HasPrefix(code, prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	return hints[best]
}
