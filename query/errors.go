package query

import (
	"errors"
	"fmt"
	"slices"

	"zonebox/keys"
	"zonebox/registry"
)

// Class tells what kind of answer an Error is. api maps it to an HTTP status,
// the command line to an exit code.
type Class string

// The classes, from the caller's view.
const (
	ClassFailure  Class = "failure"  // something went wrong; nothing was released
	ClassUsage    Class = "usage"    // the request itself is malformed
	ClassDenied   Class = "denied"   // policy or analysis says no
	ClassInReview Class = "review"   // a person decides; ask again with resume
	ClassLimit    Class = "limit"    // a resource or row limit was reached
	ClassWithheld Class = "withheld" // the statement ran, its output stays inside
	ClassBusy     Class = "busy"     // too much waits already; ask again later
)

// Span is a byte range of the submitted SQL.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Detail is one of several reasons behind an Error.
type Detail struct {
	Code     string
	ZH, EN   string
	HintZH   string
	HintEN   string
	Articles []string
	Span     *Span
	Path     []string // from an output column to the offending one
}

// Error is what every method of Engine returns when it does not return an
// answer. Its texts hold no cell value, no SQL and no key; the cause, which may
// name files and addresses, goes to the operator's log only and is not part of
// the text.
type Error struct {
	Code     string
	Class    Class
	ZH, EN   string
	HintZH   string
	HintEN   string
	Articles []string
	Span     *Span
	Run      string
	Details  []Detail

	cause error
}

// Error returns the code and the English text.
func (e *Error) Error() string { return "query: " + e.Code + ": " + e.EN }

// Unwrap returns the cause, for logs and errors.Is.
func (e *Error) Unwrap() error { return e.cause }

// code is one line of the table of everything the engine itself says, each with where
// the regulations say it (NJ24-01). Codes of the analysis and of policy come with their
// own texts.
type code struct {
	class          Class
	zh, en         string
	hintZH, hintEN string
	articles       []string
}

var codes = map[string]code{
	"AUTH_FAILED": {ClassDenied, "身份验证未通过", "the request is not signed by an active person of this domain",
		"检查 --as 用户与其密钥 (或 --client-cert 的证书),以及本机时钟", "check --as, that user's key file (or the certificate of --client-cert) and this host's clock", []string{"NJ24-04", "NJ19-33"}},
	"SECOND_FACTOR": {ClassDenied, "您的角色须以两种方式鉴别身份,本次只有一种,未作任何读取或更改", "your role takes two factors and this shows one; nothing was read or changed",
		"给出动态口令:命令行 totp give 口令 (尚无时先 totp new),浏览器在 /signin;客户端证书不能办理,须去掉 --client-cert", "give a one-time code: totp give CODE on the command line (totp new first if you have none), /signin in a browser; a client certificate does not do, leave out --client-cert", []string{"NJ24-04", "NJ19-13"}},
	"CODE_REFUSED": {ClassDenied, "动态口令不正确、已用过,或尝试次数过多", "the one-time code is wrong, was used, or too many were tried",
		"用验证器显示的下一个六位口令;五次失败后十五分钟内不再受理;遗失的由市数据主管部门解除后重新登记", "give the next six digits that the authenticator shows; after five failures none is looked at for 15 minutes; for lost ones ask the city authority", []string{"NJ24-04", "NJ19-13"}},
	"SIGNATURE_REQUIRED": {ClassDenied, "此事项须由本人签名密钥作出,浏览器登录与客户端证书不能办理", "this takes the person's signing key; a browser's sign-in or a client certificate does not do it",
		"请在命令行以本人签名密钥办理,不带 --client-cert", "use the command line with your signing key, without --client-cert", []string{"NJ24-04", "JM19-04"}},
	"IDENTITY_UNAVAILABLE": {ClassFailure, "统一身份认证服务暂不可用,未能登录", "the provider of identities cannot be asked; nobody was signed in",
		"稍候重试;急用时在命令行以本人签名密钥办理", "try again in a moment, or use the command line with your signing key", []string{"NJ19-13"}},
	"ROLE_REQUIRED": {ClassDenied, "您的角色不能执行此操作", "your role does not allow this action",
		"请由具备相应角色的人员操作", "ask a person who holds the role", []string{"NJ24-04"}},
	"PERMISSION_REQUIRED": {ClassDenied, "您没有此项权限", "you do not have the permission for this",
		"复制、导出、脱敏规则、销毁四项权限由市数据主管部门逐人授予 (Person 的 permissions)", "copy, export, recipe and destroy are given person by person by the city authority (permissions of a Person)", []string{"YC22-39"}},
	"KEY_SCOPE": {ClassDenied, "此 API 密钥不能用于此操作", "the API key is not for this",
		"约束本人的操作须以本人签名密钥签名;其余须签发含相应范围的密钥 (key issue --scope)", "what binds a person is signed with their own key; for the rest issue an API key of that scope (key issue --scope)", []string{"NJ24-04"}},
	"NOT_FOUND": {ClassUsage, "不存在,或不在您的可见范围内", "it does not exist, or is not visible to you",
		"用 get 或 review list 查看可见的对象", "list what is visible to you with get or review list", []string{"NJ24-04"}},
	"BAD_REQUEST": {ClassUsage, "请求不完整或格式不正确", "the request is incomplete or malformed",
		"对照该命令的 --help 补全参数", "compare with the command's --help", []string{"NJ24-03"}},
	"DOCUMENT_REFUSED": {ClassDenied, "文档未被接受,未作任何更改", "the documents were refused; nothing changed",
		"按提示修改后重新 apply", "mend what is named and apply again", []string{"NJ24-11"}},
	"DOCUMENT_DUE": {ClassBusy, "有文档正在生效,本次未执行", "a document is just coming into force; this did not happen",
		"稍候重试", "try again in a moment", []string{"NJ24-11"}},
	"POLICY_BUNDLE_REFUSED": {ClassDenied, "策略包未被接受,现行规则未变", "the bundle was refused; the rules in force are as they were",
		"用 policy verify 查看原因,重新制作并签署后再提交", "see why with policy verify; build and sign it again", []string{"YC22-38"}},
	"QUERY_IN_REVIEW": {ClassInReview, "查询待专区监管部门审批", "the query waits for the zone regulator's approval",
		"审批后用 query --resume 继续", "continue with query --resume after approval", []string{"NJ24-14"}},
	"OUTPUT_IN_REVIEW": {ClassInReview, "查询已执行,结果待审核后放行", "the statement ran; its output waits for review",
		"审核通过后用 query --resume 领取", "collect it with query --resume after approval", []string{"NJ24-13", "NJ24-14"}},
	"OUTPUT_COARSENED": {ClassInReview, "审核人将结果放粗,由新的运行接替,待审核后放行", "a reviewer made the output coarser; another run is in its place and waits for review",
		"用 query --resume 与新的运行编号领取", "collect that one with query --resume after approval", []string{"NJ24-13", "NJ24-14"}},
	"COARSEN_REFUSED": {ClassDenied, "结果不能这样放粗,原结果不变", "the output cannot be made coarser like this; it is as it was",
		"改用其他放粗方式;若情况已变化,驳回此结果并请申请人重新提问", "make it coarser in another way; if something has changed, reject it and have it asked again", []string{"NJ24-14"}},
	"RUN_STATE": {ClassDenied, "该运行已结束、作废或被拒绝", "this run has ended, was voided or was rejected",
		"请重新提交查询", "submit the query again", []string{"NJ24-13"}},
	"APPROVAL_VOID": {ClassDenied, "审批后政策、目录、协议或语句已变化,原审批作废", "policy, catalogue, license or statement changed since the approval, which is void",
		"请重新提交查询", "submit the query again", []string{"NJ24-14", "SY20-12"}},
	"APPROVAL_EXPIRED": {ClassDenied, "审批已过有效期", "the approval, or the wait for it, is past its term",
		"请重新提交查询", "submit the query again", []string{"SY20-12"}},
	"WITHHELD": {ClassWithheld, "结果未予放行", "the output was withheld",
		"向专区监管部门了解依据,或缩小查询范围", "ask the zone regulator for the basis, or narrow the query", []string{"NJ24-13"}},
	"DISCLOSIVE": {ClassWithheld, "语句中的合计会披露个体的数值,未予放行", "a total inside the statement would tell the value of one entity; the output was withheld",
		"去掉 HAVING 与内层聚合,直接输出各组合计(不可放行的单元格显示为空),或合并分组", "leave out HAVING and nested aggregates and ask for the totals of the groups themselves (cells that must not leave are null), or merge groups", []string{"NJ24-14", "NJ24-16"}},
	"RELEASE_HISTORY": {ClassWithheld, "此结果本身,或与已经放行的结果合并,可能推知少数人的情况,不予放行", "by itself or together with what was released before, this output might tell of few; it was withheld",
		"在一个问题里用 GROUP BY 一次问全,不另问合计,或改用更粗的分组,或使用已经放行的结果", "ask for all of it in one question by GROUP BY, without a total beside it, for coarser groups, or use the answer that you have", []string{"NJ24-13", "NJ24-14"}},
	"STATEMENT_FAILED": {ClassLimit, "语句未能完成", "the statement did not complete",
		"简化语句后重试;原因由数据中心查阅", "simplify the statement and try again; the data centre can see the cause", []string{"NJ24-16"}},
	"TIME_LIMIT": {ClassLimit, "超过执行时限", "the statement ran past its time limit",
		"缩小数据范围或减少连接", "read less data or join fewer tables", []string{"NJ24-22"}},
	"MEMORY_LIMIT": {ClassLimit, "超过内存上限", "the statement ran past its memory limit",
		"缩小数据范围或减少分组", "read less data or make fewer groups", []string{"NJ24-22"}},
	"ROW_LIMIT": {ClassLimit, "结果的行数、单元格数或字节数超过上限", "the output has more rows, cells or bytes than allowed",
		"加条件或聚合,减少结果行数", "filter or aggregate to get fewer rows", []string{"NJ24-13"}},
	"BUSY": {ClassBusy, "本单位排队的语句已满,本次未执行", "your organization's queue is full; this statement was not run",
		"待本单位在途语句结束后重试", "wait for your organization's statements to end, then try again", []string{"NJ24-22"}},
	"SUBMIT_RATE": {ClassBusy, "本单位本分钟内提交的查询已达上限,本次未受理", "your organization has submitted as many questions as one minute allows; this one was not taken",
		"稍候一分钟再提交", "wait a minute and submit again", []string{"NJ24-22"}},
	"IDEMPOTENCY_CONFLICT": {ClassUsage, "该幂等键已用于另一查询,本次未受理", "the idempotency key stands for another question; this one was not taken",
		"同一查询重试用原键,新查询用新键", "use the same key for the same question again, and a new one for another", []string{"NJ24-13"}},
	"ABANDONED": {ClassFailure, "网关在执行中途停止,没有结果放行,该运行不再执行", "the gate stopped amid the statement; nothing was released, and this run does not run again",
		"请重新提交查询", "submit the query again", []string{"NJ24-23"}},
	"POSTPONED": {ClassBusy, "网关正在停止或刚刚启动;提交的查询已存,由下一网关执行", "the gate is stopping or has just begun; what was submitted is kept, and asked by the gate that follows",
		"网关恢复后以 query --wait 编号 领取", "collect it with query --wait ID when the gate is there", []string{"NJ24-23"}},
	"EXPLAIN_RATE": {ClassBusy, "本分钟内 explain 的次数已达上限,本次未作分析", "you have explained as many statements as one minute allows; this one was not looked at",
		"稍候一分钟再试", "wait a minute and try again", []string{"NJ24-21"}},
	"SYNTAX": {ClassUsage, "SQL 无法解析", "the SQL cannot be parsed",
		"检查标出的位置", "look at the marked position", []string{"NJ24-16"}},
	"BIND": {ClassUsage, "SQL 与授权的表结构不符", "the SQL does not fit the granted tables",
		"检查标出处的列名、函数参数与类型", "check names, function arguments and types at the marked position", []string{"NJ24-13"}},
	"RESULT_TYPE": {ClassUsage, "结果列的类型不能出域", "a column of the result has a type that does not leave",
		"出域的列须为文本、布尔、数值、DATE 或 TIMESTAMP:用 CAST(… AS VARCHAR) 或 to_json(…)::VARCHAR 转换,用 unnest(…) 展开,或只取其中的成员",
		"what leaves is text, boolean, a number, DATE or TIMESTAMP: convert by CAST(… AS VARCHAR) or to_json(…)::VARCHAR, spread by unnest(…), or select a member", []string{"NJ24-13"}},
	"TEMPLATE_NOT_IN_FORCE": {ClassDenied, "模板已撤销或不在有效期内", "the template was revoked, or this is not its time",
		"用 template list 查看可用的模板,或请专区监管部门另行签署", "see the templates in force with template list, or have another one signed", []string{"NJ24-13"}},
	"PARAMETER_EXTRA": {ClassUsage, "模板没有该参数", "the template has no such parameter",
		"用 template show 查看其参数", "see its parameters with template show", []string{"NJ24-13"}},
	"PARAMETER_MISSING": {ClassUsage, "缺少参数", "a parameter is missing",
		"以 --param 名称=值 给出", "give it with --param NAME=VALUE", []string{"NJ24-13"}},
	"PARAMETER_VALUE": {ClassDenied, "参数取值不在批准的范围内", "the value of a parameter is outside the approved domain",
		"在范围内取值,或请专区监管部门另行签署模板", "choose one inside, or have another template signed", []string{"NJ24-13"}},
	"ENTRY_STATE": {ClassDenied, "目录条目不在可作此操作的状态", "the catalogue entry is not in a state from which this can be done",
		"用 catalogue show 查看其状态与经过", "see its state and course with catalogue show", []string{"NJ19-16"}},
	"ENTRY_MOVED": {ClassDenied, "条目内容或现行版本与所批准的不同,未作任何更改", "the entry, or the version in force, is not the one that was approved; nothing changed",
		"请提供单位核对后重新报送:catalogue submit", "have its provider compare and submit it again: catalogue submit", []string{"SY20-12"}},
	"ALERT_STATE": {ClassDenied, "告警已办结,或其限制尚待确认或解除", "the alert is closed, or what it restricts is to be decided first",
		"先以 alert confirm 确认或以 alert lift 解除", "confirm it with alert confirm, or lift it with alert lift", []string{"NJ24-23"}},
	"REQUEST_STATE": {ClassDenied, "数据申请不在可作此操作的状态", "the data request is not in a state from which this can be done",
		"用 request show 查看其状态、经过与下一步", "see its state, course and next step with request show", []string{"NJ24-15"}},
	"REQUEST_MOVED": {ClassDenied, "所签的授权与评估确认的不同,未作任何更改", "the grants that were signed are not those that were assessed; nothing changed",
		"用 request show 核对后重新签署", "compare with request show and sign again", []string{"NJ24-15"}},
	"REFUSAL_BASIS": {ClassDenied, "不同意共享须以法律、法规或者规章为依据;内部管理办法不作依据", "a refusal stands on a law, a regulation or a rule; an internal rule is no basis",
		"写明 --basis-kind LAW、REGULATION 或 RULE 及 --basis 条款", "name --basis-kind LAW, REGULATION or RULE and the clause with --basis", []string{"JM19-18", "SY20-20"}},
	"ENTRY_DUPLICATE": {ClassDenied, "与其他目录条目疑似重复", "other catalogue entries seem to hold the same",
		"由市数据主管部门登记认定(SourceRuling,写明采集单位)后再批准,或退回", "register a ruling that names the collector (SourceRuling) and approve again, or return it", []string{"NJ19-17"}},
	"AGREEMENT_STATE": {ClassDenied, "该协议办理事项不在可作此操作的状态", "the course of the license is not in a state from which this can be done",
		"用 license show 查看其状态与下一步", "see its state and next step with license show", []string{"NJ24-10"}},
	"AGREEMENT_MOVED": {ClassDenied, "所提交的内容与先前绑定的不同,未作任何更改", "this is not what was bound before; nothing changed",
		"用 license show 取得现行文本或评估结果,再按其办理", "take the text or the result as license show has it", []string{"NJ24-10"}},
	"APPLICATION_REFUSED": {ClassDenied, "申报不予受理", "the application is not accepted",
		"按所列各项补正后在申报期内重新提交", "mend what is listed and apply again within the window", []string{"NJ24-09"}},
	"OFFBOARDING_OPEN": {ClassDenied, "退出事项尚未全部完成", "offboarding is not complete",
		"按所列各项办理,全部完成并核验后再办结", "do what is listed; close when all of it is done and checked", []string{"YC22-40"}},
	"LOAD_REFUSED": {ClassDenied, "数据未装载,原版本不变", "nothing was loaded; the dataset is as before",
		"按原因更正交付后重新装载", "mend the delivery and load again", []string{"NJ24-15"}},
	"LOAD_MODE": {ClassDenied, "交付方式不可用", "the mode of the delivery cannot be taken",
		"mode 写 full(可省略)、append 或 upsert;增量须写 base", "mode is full (or left out), append or upsert; the latter two name their base", []string{"NJ24-15"}},
	"LOAD_BASE": {ClassDenied, "增量交付所依据的版本不是现行版本", "the version that the delivery stands on is not the current one",
		"以 zone versions 查看现行版本,据此重新制作增量,或交付完整数据", "see the current one with zone versions and make the delivery on it, or deliver the whole dataset", []string{"NJ24-15"}},
	"LOAD_QUOTA": {ClassDenied, "超出专区存储配额,未装载,原版本不变", "the zone's quota of storage has no room for it; nothing was loaded and the dataset is as before",
		"减少保留的版本(retention),或请市数据主管部门调整专区 quota_bytes", "keep fewer versions (retention), or have the city authority change quota_bytes of the zone", []string{"NJ24-05"}},
	"LOAD_STALLED": {ClassFailure, "交付的发送中断,未装载,原版本不变", "the sender gave nothing more of the delivery; nothing was loaded and the dataset is as before",
		"检查发送方与网络后重新装载;等候时限由 serve --load-stall 设定", "look at the sender and the way to it, then load again; serve --load-stall sets how long a load waits", []string{"NJ24-22"}},
	"SECOND_PERSON": {ClassDenied, "须由第二人确认,未作更改", "a second person has to confirm; nothing changed",
		"请数据中心与监管部门(或提供单位)的不同人员各执行一次", "one person of the data centre and another of the regulator or provider each give the order", []string{"YC22-39"}},
	"LOAD_SOURCE": {ClassDenied, "清单所写的数据库来源不可用", "the database that the manifest names is no source of this gate, or not now",
		"由数据中心在 serve --sources 的文件中配置,或导出为文件后交付", "the data centre names it in the file of serve --sources, or export to a file and deliver that", []string{"NJ24-15"}},
	"DATA_STATE": {ClassDenied, "该数据版本不在可执行此操作的状态", "the data version is not in a state for that",
		"用 zone versions 查看各版本状态;其后已有现行版本的,不再放行旧版本", "see the states with zone versions; a version is not released once a later one is current", []string{"JM19-14"}},
	"QUALITY_RULES": {ClassDenied, "质量规则与现行目录条目不符,未予检查", "the quality rules do not fit the catalogue entry of today; nothing was checked",
		"由提供单位按现行目录条目重新提交质量规则,用 quality rules 查看不符之处", "the provider applies rules that fit the entry; quality rules tells what does not", []string{"JM19-14"}},
	"DATA_DAMAGED": {ClassFailure, "数据完整性校验未通过,已拒绝读取", "stored data failed its integrity check and was not read",
		"由数据中心核查并重新装载", "the data centre must check the store and load again", []string{"NJ24-21"}},
	"DATA_SHREDDED": {ClassDenied, "数据已销毁,不可读取", "the data were destroyed and cannot be read",
		"从语句中去掉已销毁的列或结果;销毁证明见 shred list", "leave what was destroyed out of the statement; shred list has the certificates", []string{"YC22-40"}},
	"BACKUP_ROOT": {ClassDenied, "备份目录不在网关配置的范围内", "the backup folder is none that the gate is configured with",
		"由 serve --backup-root 指定备份目录", "name the folder with serve --backup-root", []string{"YC22-14"}},
	"FOLDER_NOT_EMPTY": {ClassDenied, "目标域目录不是空目录", "the domain folder is not empty",
		"恢复到空目录;其中若是已恢复的备份,用 backup accept 启用", "restore to an empty folder; if it holds what was restored, take that up with backup accept", []string{"NJ19-36"}},
	"BACKUP_DAMAGED": {ClassFailure, "备份与其签名清单不符", "the backup is not what its signed manifest says",
		"改用其他备份,并由数据中心核查存储介质", "use another backup, and have the data centre check its medium", []string{"NJ19-36"}},
	"DATA_WITHOUT_ENTITY": {ClassDenied, "数据版本未载明主体标识列,按主体平移或加噪的列不能读取", "the data do not say whom a row is about, so that no column can be masked by it",
		"由数据中心按现行目录条目重新装载该数据集", "have the data centre load the dataset again under its catalogue entry of today", []string{"NJ24-14"}},
	"KEY_IN_USE": {ClassDenied, "密钥仍在使用,未作更改", "the key is in use; nothing changed",
		"按原因处理后重试", "settle what is named and try again", []string{"YC22-40", "NJ24-22"}},
	"KEY_ROTATE": {ClassDenied, "专区密钥早于其存储算法,或已在保管方销毁,未作更改", "the zone's key is older than its storage algorithm, or was ended by its keeper; nothing changed",
		"由数据中心执行 keys rotate zone-data --zone <专区> 后重试", "the data centre gives keys rotate zone-data --zone <zone>; then try again", []string{"JM19-36"}},
	"SECRET_FILE": {ClassDenied, "口令文件可被他人读取,未予使用", "others may read the file of a secret; it was not used",
		"将其权限改为 0600 (chmod 600),并更换已外泄的口令", "set its mode to 0600 (chmod 600), and change a secret that others have read", []string{"JM19-36"}},
	"KEYS_UNAVAILABLE": {ClassFailure, "密钥服务不可用,操作未执行", "the keys cannot be had; the action did not happen",
		"由数据中心检查密钥服务及其凭据", "the data centre must check the key provider and its credentials", []string{"JM19-36"}},
	"AUDIT_UNAVAILABLE": {ClassFailure, "审计记录无法写入,操作未执行", "the audit log cannot be written; the action did not happen",
		"释放磁盘空间后重试", "free disk space and try again", []string{"YC22-34"}},
	"WITNESS_REFUSED": {ClassDenied, "见证签名未被接受", "the cosignature was not taken",
		"由审计员以登记的密钥重新见证: audit witness", "the auditor witnesses again with the key on record: audit witness", []string{"NJ24-21"}},
	"WITNESS_CONFLICT": {ClassDenied, "所见证的检查点不在本日志中,已记入审计", "the checkpoint that was cosigned is not of this log, which the log now tells",
		"立即由审计与安全保密人员核查:日志可能被替换", "audit and security must look at once: the log may have been replaced", []string{"NJ24-21"}},
	"OWN_DECISION": {ClassDenied, "不得复查本人或本单位参与的事项", "nobody re-checks what they, or their organization, had a part in",
		"请其他单位的人员复查", "ask a person of another organization", []string{"JM19-36", "JM19-38"}},
	"DISK_FULL": {ClassFailure, "磁盘已满,操作未执行", "the disk is full; the action did not happen",
		"释放域目录、密钥目录或备份目录所在磁盘的空间后重试", "free space on the disk of the domain folder, the key folder or the backups and try again", []string{"NJ24-21"}},
	"STOPPING": {ClassBusy, "网关正在停止,不再接受新的语句与交付,本次未执行", "the gate is stopping and takes no new statements or deliveries; this one was not begun",
		"网关重新启动后重试", "try again when the gate has started anew", []string{"NJ24-23"}},
	"STOPPED": {ClassFailure, "运行被终止,没有结果放行", "the run was stopped; nothing was released",
		"稍后重试,或联系数据中心", "try again later, or ask the data centre", []string{"NJ24-23"}},
	"INTERNAL": {ClassFailure, "内部错误,没有结果放行", "internal error; nothing was released",
		"联系数据中心,附上运行编号", "give the run id to the data centre", []string{"NJ24-23"}},
}

// fail returns the engine's own error of that code. It panics on a code that is
// not in the table, which is a programmer's mistake.
func fail(name string, cause error) *Error {
	c, ok := codes[name]
	if !ok {
		panic("query: unknown error code " + name)
	}
	return &Error{Code: name, Class: c.class, ZH: c.zh, EN: c.en, HintZH: c.hintZH, HintEN: c.hintEN, Articles: c.articles, cause: cause}
}

// because adds a reason that names what was wrong, in both languages.
func (e *Error) because(zh, en string) *Error {
	e.ZH, e.EN = e.ZH+":"+zh, e.EN+": "+en
	return e
}

// of names the run the error belongs to.
func (e *Error) of(run string) *Error {
	e.Run = run
	return e
}

// denied returns the error of a refusal with its reasons; the first reason
// gives the code, the texts and the span.
func denied(details []Detail) *Error {
	if len(details) == 0 {
		return fail("INTERNAL", errors.New("query: a refusal without a reason"))
	}
	d := details[0]
	var cited []string
	for _, d := range details {
		for _, a := range d.Articles {
			if !slices.Contains(cited, a) {
				cited = append(cited, a)
			}
		}
	}
	return &Error{Code: d.Code, Class: ClassDenied, ZH: d.ZH, EN: d.EN, HintZH: d.HintZH, HintEN: d.HintEN, Articles: cited, Span: d.Span, Details: details}
}

// asError returns err as an *Error; anything else is DISK_FULL, KEYS_UNAVAILABLE or
// INTERNAL with err as cause.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if noRoom(err) {
		return fail("DISK_FULL", fmt.Errorf("query: %w", err))
	}
	if errors.Is(err, registry.ErrDue) {
		return fail("DOCUMENT_DUE", fmt.Errorf("query: %w", err))
	}
	if errors.Is(err, keys.ErrRotate) {
		return fail("KEY_ROTATE", fmt.Errorf("query: %w", err))
	}
	if errors.Is(err, keys.ErrAway) || errors.Is(err, keys.ErrForbidden) {
		return fail("KEYS_UNAVAILABLE", fmt.Errorf("query: %w", err))
	}
	return fail("INTERNAL", fmt.Errorf("query: %w", err))
}
