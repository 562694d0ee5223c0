package query

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"zonebox/keys"
	"zonebox/sandbox"
)

// Figures that a self-check goes by where the standards name none.
const (
	backupAge = 7 * 24 * time.Hour   // the newest backup is no older
	keyAge    = 365 * 24 * time.Hour // nor is a key in use for data
	certLeft  = 24 * time.Hour       // a certificate of the gate lasts so long at least
)

// clauses of the two standards, by their places.
const (
	protection   = "GB/T 22239-2019 "
	cryptography = "GB/T 39786-2021 "
)

// judged says of each clause what the measurements show. No row is met but by one of
// them; what none of them can show is the deployer's, and says where to look.
func judged(x *examined) []SelfcheckRow {
	var rows []SelfcheckRow
	add := func(clause, zh, en, result, evidenceZH, evidenceEN string) {
		rows = append(rows, SelfcheckRow{clause, Bilingual{zh, en}, result, Bilingual{evidenceZH, evidenceEN}})
	}
	measured := func(clause, zh, en string, met bool, evidenceZH, evidenceEN string) {
		add(clause, zh, en, map[bool]string{true: ResultMet, false: ResultNotMet}[met], evidenceZH, evidenceEN)
	}
	deployer := func(clause, zh, en, evidenceZH, evidenceEN string) {
		add(clause, zh, en, ResultDeployer, evidenceZH, evidenceEN)
	}

	measured(protection+"8.1.4.1 a)", "身份鉴别:标识唯一", "identification: each person has an identity of their own", x.people > 0 && x.sharedKeys == 0,
		fmt.Sprintf("在用人员 %d 人;由两人以上共用的签名公钥 %d 个", x.people, x.sharedKeys), fmt.Sprintf("%d active people; %d signing keys that more than one of them has", x.people, x.sharedKeys))
	measured(protection+"8.1.4.1 b)", "身份鉴别:登录失败处理", "identification: failed attempts", x.lockout > 0,
		lockoutText(x.lockout, "没有限次锁定", "API 密钥连续 %d 次失败后 15 分钟内拒绝再试;签名请求无口令可猜;失败计入审计 (auth.refused)"),
		lockoutText(x.lockout, "there is no lockout", "guesses at API keys are refused for 15 minutes after %d failures; a signature cannot be guessed; failures are logged (auth.refused)"))
	net, netZH, netEN := x.network.sound(x.now)
	measured(protection+"8.1.4.1 c)", "远程管理防窃听", "remote management cannot be overheard", net, netZH, netEN)
	if x.secondFactor {
		measured(protection+"8.1.4.1 d)", "两种以上组合鉴别", "two factors", x.supervising > 0,
			fmt.Sprintf("审批、监管与管理人员须以签名密钥(或统一身份认证)并动态口令办理;%d 人中 %d 人已启用,其余在启用前不能办理", x.supervising, x.withCodes),
			fmt.Sprintf("who approves, supervises or administers shows a signing key (or the provider's sign-in) and a one-time code; %d of %d have given one, the others can do nothing before", x.withCodes, x.supervising))
	} else {
		measured(protection+"8.1.4.1 d)", "两种以上组合鉴别", "two factors", false,
			"命令行仅以签名密钥文件一种鉴别;以 serve --second-factor 要求动态口令", "the command line shows the file of a signing key alone; serve --second-factor has one-time codes given")
	}
	measured(protection+"8.1.4.2 d)", "访问控制:管理权限分离", "access control: duties are apart", x.people > 0 && x.mixed == 0,
		fmt.Sprintf("兼任互斥角色的在用人员 %d 人(共 %d 人)", x.mixed, x.people), fmt.Sprintf("%d of %d active people hold roles that exclude each other", x.mixed, x.people))
	deployer(protection+"8.1.4.2 a)–c), e)–g)", "访问控制:授权、清理账户、粒度、标记", "access control: grants, stale accounts, granularity, labels",
		"本报告不测量;谁可做什么见 docs/ACCESS.md,其每格均有测试", "not measured here; docs/ACCESS.md lists who may what, and each of its cells is tested")
	logSound := x.logErr == nil && x.log.Size+x.log.Tail > 0
	logZH := fmt.Sprintf("重算 Merkle 树与 SM3 链:%d 条(其中 %d 条待签)无断裂", x.log.Size+x.log.Tail, x.log.Tail)
	logEN := fmt.Sprintf("tree and SM3 chain computed anew: %d entries (%d of them not signed yet) and no break", x.log.Size+x.log.Tail, x.log.Tail)
	if !logSound {
		logZH, logEN = "日志核验未通过:见 zonebox audit verify", "the log does not verify: see zonebox audit verify"
	}
	measured(protection+"8.1.4.3 c)", "安全审计:防删改", "audit: not to be altered", logSound, logZH, logEN)
	deployer(protection+"8.1.4.3 a), b)", "安全审计:覆盖每个用户、记录内容", "audit: everybody, and what of each", "本报告不测量;条目及字段见 docs/DESIGN.md §11", "not measured here; docs/DESIGN.md §11 lists entries and fields")
	measured(protection+"8.1.4.3 c)", "安全审计:异地见证", "audit: witnessed elsewhere", x.witnesses > 0,
		fmt.Sprintf("审计员会签的检查点 %d 个", x.witnesses), fmt.Sprintf("%d checkpoints that auditors cosigned", x.witnesses))
	kept := measured
	if logSound && !x.oldest.IsZero() && x.oldest.After(x.now.AddDate(0, -6, 0)) { // nobody can have kept more
		kept = func(clause, zh, en string, _ bool, evidenceZH, evidenceEN string) {
			deployer(clause, zh, en, evidenceZH, evidenceEN)
		}
	}
	kept(protection+"8.1.5.4 d)", "日志留存不少于六个月", "logs are kept for six months at least", logSound && !x.oldest.IsZero(),
		fmt.Sprintf("首条记于 %s,自首条起连续;网关没有删除日志条目的操作", day(x.oldest)), fmt.Sprintf("the first entry is of %s, and all follow it; the gate has no operation that removes one", day(x.oldest)))
	measured(protection+"8.1.4.3", "安全审计:时钟", "audit: the clock", x.host.Clock == sandbox.ClockSynchronized,
		"内核报告时钟"+map[bool]string{true: "已同步", false: "未同步或未知"}[x.host.Clock == sandbox.ClockSynchronized], "the kernel says: "+map[bool]string{true: "synchronized", false: "not synchronized, or nothing"}[x.host.Clock == sandbox.ClockSynchronized])
	isolated := x.worker != nil && sandbox.Strict&^x.worker.Layers() == 0
	measured(protection+"8.1.4.4", "入侵防范:处理数据的进程受限", "intrusion: what works on data is confined", isolated, workerText(x.worker, "刚启动的工作进程:%d 类隔离层不齐;程序 SHA-256 %s", "没有工作进程"), workerText(x.worker, "a worker started now lacks %d layers of isolation; its program has SHA-256 %s", "there is no worker"))
	deployer(protection+"8.1.4.4 e), f)", "入侵防范:已知漏洞、入侵检测", "intrusion: known weaknesses, detection", "随发行包提供组件清单 (SBOM);漏洞扫描与入侵检测由部署方负责", "the release has a bill of materials; scanning and detection are the deployer's")
	deployer(protection+"8.1.4.6", "可信验证", "trusted verification", "程序摘要见上;与发行包 SHA256SUMS 核对及可信根由部署方负责", "digests are told above; to compare them with SHA256SUMS, and a root of trust, are the deployer's")
	stored := !x.readable && x.chunks > 0 && x.plainChunks == 0 && x.searched > 0 && x.inClear == 0
	storedZH := fmt.Sprintf("抽查 %d 个数据分块,%d 个不似密文;登记处文件中查找 %d 段应加密的文本,见到明文 %d 段;目录他人可访问:%v", x.chunks, x.plainChunks, x.searched, x.inClear, x.readable)
	storedEN := fmt.Sprintf("of %d chunks of data %d do not look like ciphertext; of %d texts that are sealed %d stand in the registry's files; others may reach the folders: %v", x.chunks, x.plainChunks, x.searched, x.inClear, x.readable)
	measured(protection+"8.1.4.8 b)", "数据保密性:存储", "confidentiality: at rest", stored, storedZH, storedEN)
	measured(protection+"8.1.4.8 a)", "数据保密性:传输", "confidentiality: on the way", net && x.clear == 0,
		fmt.Sprintf("%s;未加密的数据来源与告警去向 %d 个", netZH, x.clear), fmt.Sprintf("%s; %d sources of data and receivers of alerts without encryption", netEN, x.clear))
	measured(protection+"8.1.4.9 a)", "本地备份与恢复", "local backups", !x.backup.IsZero() && !x.backup.After(x.now) && x.now.Sub(x.backup) <= backupAge,
		"最近一次备份的清单签于 "+day(x.backup)+"(须在 7 天内);内容以 backup verify 核对", "the manifest of the newest backup is of "+day(x.backup)+" (within 7 days); backup verify looks at what is in it")
	deployer(protection+"8.1.4.9 b), c)", "异地备份、热冗余、恢复演练", "backups elsewhere, redundancy, drills", "由部署方负责;恢复见 docs/guides/destruction.md", "the deployer's; docs/guides/destruction.md tells how to restore")
	clean := !x.host.Dumpable && len(x.host.PlainSwap) == 0
	measured(protection+"8.1.4.10", "剩余信息保护", "what is left behind", clean,
		fmt.Sprintf("网关进程可被转储或读取:%v;明文交换区 %d 个", x.host.Dumpable, len(x.host.PlainSwap)), fmt.Sprintf("the gate's memory can be dumped or read: %v; %d swap areas in plain", x.host.Dumpable, len(x.host.PlainSwap)))
	deployer(protection+"8.1.4.11", "个人信息保护", "personal information", "每问须写明目的,列按授权取用;由测评按业务核对", "each question names its purpose and grants give columns; an assessor compares that with what is done")
	measured(protection+"8.1.5", "密钥与数据分离保管", "keys are kept apart from data", x.apart && !x.readable,
		fmt.Sprintf("密钥目录在域目录之外:%v;他人可访问:%v", x.apart, x.readable), fmt.Sprintf("the key folder lies outside the domain folder: %v; others may reach it: %v", x.apart, x.readable))

	national := x.network.address != "" && x.network.err == nil && strings.Contains(x.network.suite, "SM4")
	suite := x.network.suite
	if suite == "" {
		suite = "—"
	}
	measured(cryptography+"8.2", "网络和通信:国密通信", "network: national algorithms", national, "所用套件 "+suite+";未实现 TLCP (GB/T 38636)", "suite "+suite+"; TLCP (GB/T 38636) is not implemented")
	deployer(cryptography+"8.3", "设备和计算", "devices", "身份鉴别与远程管理通道由部署方负责", "who signs in at the host, and how, is the deployer's")
	zonesZH, zonesEN := fmt.Sprintf("在用专区 %d 个,其中今后装载以 SM4 存储 %d 个;此前装载的按当时算法", x.zones, x.nationalZone), fmt.Sprintf("%d active zones, %d of them store by SM4 what is loaded from now on; what was loaded before is as it was", x.zones, x.nationalZone)
	if x.zones > 0 && x.nationalZone == x.zones && stored {
		deployer(cryptography+"8.4 存储机密性", "应用和数据:以 SM4 存储", "application: stored by SM4", zonesZH, zonesEN)
	} else {
		add(cryptography+"8.4 存储机密性", "应用和数据:以 SM4 存储", "application: stored by SM4", ResultNotMet, zonesZH, zonesEN)
	}
	measured(cryptography+"8.4 日志完整性", "应用和数据:日志完整性 (SM3 链)", "application: integrity of the log, by SM3", logSound, logZH, logEN)
	signs := false
	oldest, zoned := time.Duration(0), false
	uncertified := 0
	for _, k := range x.keys {
		if k.State != keys.StateCurrent {
			continue
		}
		signs = signs || k.Purpose == keys.PurposeReleaseSign && strings.Contains(k.Algorithm, "SM2")
		if k.Purpose == keys.PurposeZoneData {
			oldest, zoned = max(oldest, x.now.Sub(k.Created)), true
		}
		if k.Certificate == "" {
			uncertified += k.Count
		}
	}
	measured(cryptography+"8.4 不可否认性", "应用和数据:放行可以 SM2 签署", "application: releases can be signed by SM2", signs,
		fmt.Sprintf("结果签名密钥支持 SM2:%v;审批以 Ed25519 签署", signs), fmt.Sprintf("the key that signs results can SM2: %v; approvals are signed by Ed25519", signs))
	measured(cryptography+"附录 B", "密钥更新", "keys are renewed", zoned && oldest <= keyAge,
		fmt.Sprintf("在用的专区数据密钥最长已用 %d 天(须在 365 天内)", int(oldest.Hours()/24)), fmt.Sprintf("the oldest key of a zone's data is in use for %d days (within 365)", int(oldest.Hours()/24)))
	measured(cryptography+"密码产品", "使用经认证的密码产品 (GB/T 37092 二级)", "certified products", x.certified && uncertified == 0 && len(x.keys) > 0,
		fmt.Sprintf("%d 个在用密钥由软件实现运算,无商用密码产品认证证书;接入认证密码机前不符合", uncertified), fmt.Sprintf("%d keys in use are computed with by software that has no certificate; not met until a certified module does", uncertified))
	return rows
}

// sound reports whether nobody on the way can read or alter what the gate is sent.
func (n network) sound(now time.Time) (met bool, zh, en string) {
	switch {
	case n.address == "":
		return true, "网关未监听网络,仅本机套接字,逐请求签名", "the gate listens on no network, only on a socket of this host, and every request is signed"
	case n.err != nil:
		return false, "监听地址不应答 TLS", "what listens does not answer by TLS"
	}
	left := n.until.Sub(now)
	met = n.version == tls.VersionTLS13 && !n.older && !n.plain && left >= certLeft
	return met, fmt.Sprintf("%s,%s;接受更早版本:%v;应答明文请求:%v;证书有效至 %s", tls.VersionName(n.version), n.suite, n.older, n.plain, day(n.until)),
		fmt.Sprintf("%s, %s; takes earlier versions: %v; answers requests in the clear: %v; certificate until %s", tls.VersionName(n.version), n.suite, n.older, n.plain, day(n.until))
}

func lockoutText(failures int, without, with string) string {
	if failures == 0 {
		return without
	}
	return fmt.Sprintf(with, failures)
}

func workerText(w *sandbox.Attestation, shown, none string) string {
	if w == nil {
		return none
	}
	lacks, missing := sandbox.Strict&^w.Layers(), 0
	for ; lacks != 0; lacks &= lacks - 1 {
		missing++
	}
	return fmt.Sprintf(shown, missing, w.Binary)
}

func day(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format(time.DateOnly)
}
