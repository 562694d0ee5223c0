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
	"PURPOSE_UNLISTED":     {"改用政策包用途清单内的代码(pack show 可查)", "take a code of the policy pack's list of purposes (pack show lists them)"},
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
	"CONSENT_WITHDRAWN":    {"在撤回之后取得审核人员同意,或重新提问", "have it approved after the withdrawal, or ask again"},
	"QUERY_REVIEW":         {"提交后由专区监管部门审批,再以 --resume 继续", "submit it; after the zone regulator's approval continue with --resume"},
	"RELEASE_REVIEW":       {"执行后由审核人放行,再以 --resume 领取", "it runs; after the release review collect it with --resume"},
	"RELEASE_IDENTIFIER":   {"从语句中去掉该列,或申请对其来源列脱敏;确属公开的号码,由提供单位核实目录并重新装载", "leave the column out, or have its source masked; if the numbers are public, the provider must check the catalogue entry and have the data loaded again"},
	"SUBJECT_NOT_OPERATOR": {"在本单位协议的应用场景下提问", "ask in a scenario of your own license"},
	"RUNTIME_":             {"由数据中心检查本机隔离(doctor)", "the data centre must check this host (doctor)"},
	"LOAD_":                {"按原因更正交付后重新装载", "mend the delivery and load again"},
	"LOAD_NO_GRANT":        {"由专区监管部门与提供单位签署授权后再交付", "deliver once regulator and provider have signed a grant"},
	"LOAD_SCHEMA":          {"按现行目录条目重新导出,清单改写 manifest schema 给出的摘要", "export again by the entry of today; manifest schema prints the digest for the manifest"},
	"LOAD_ROWS":            {"与提供单位核对:文件是否完整,清单所写行数是否不含表头", "ask the provider whether the file is whole, and whether the count leaves the header out"},
	"LOAD_DIGEST":          {"向提供单位重新取得文件;SHA-256 以原样(未解包)文件计", "get the file again from its provider; the SHA-256 is of the file as it is, packed"},
	"LOAD_FUTURE":          {"在清单中写提供单位取得数据之日", "let the manifest say on what day the provider took the data"},
	"LOAD_OLDER":           {"交付更新的数据;确需恢复旧版本的,用 zone rollback", "deliver newer data; an earlier version comes back by zone rollback"},
	"LOAD_SIGNATURE":       {"由提供单位人员用 manifest sign 重新签署", "have a person of the provider sign again: manifest sign"},
	"LOAD_UNSIGNED":        {"由提供单位人员用 manifest sign 签署清单", "have a person of the provider sign the manifest: manifest sign"},
	"LOAD_REPEATS":         {"查明该文件的来源;确属许可的用途,由专区监管部门与提供单位在授权的 repeats 中写明该场景", "find out where the file comes from; if the use is admitted, regulator and provider name the scenario in the repeats of the grant"},
	"LOAD_OTHER_SCENARIO":  {"在清单中写本场景的授权", "name a grant of the scenario in the manifest"},
	"EXPERT_":              {"按所引条款调整,或向专区监管部门了解该项专家规则", "do as the article says, or ask the zone regulator about this expert rule"},
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
