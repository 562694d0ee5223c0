package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zonebox/feed"
	"zonebox/keys"
	"zonebox/query"
)

// surroundings is what the kernel says of this process and its clock.
type surroundings struct {
	now       time.Time
	files     uint64
	processes uint64
	locale    string
}

// process looks at clock, limits and language.
func (d *diagnosis) process(s surroundings) {
	zone, offset := s.now.Zone()
	d.add("time_zone", "时区", "time zone", unless(offset == 8*3600, stateWarn), fmt.Sprintf("%s %s", zone, s.now.Format("-07:00")), "表格按本机时区显示;期限一律按北京时间计算,可设 TZ=Asia/Shanghai", "tables show this zone; terms are counted by Beijing's whatever it is: set TZ=Asia/Shanghai to see the same")
	d.add("open_files", "可打开文件数", "open files", unless(s.files >= 4096, stateWarn), fmt.Sprint(s.files), "设 LimitNOFILE=65536:每列数据与每个连接各占一个", "set LimitNOFILE=65536: each column in memory and each connection takes one")
	d.add("processes", "进程数上限", "processes", unless(s.processes >= 2048, stateWarn), limitText(s.processes), "设 LimitNPROC 为 2048 以上:每个工作进程最多 512 个线程", "set LimitNPROC to 2048 or more: a worker may have 512 threads")
	utf8 := strings.Contains(strings.ToUpper(strings.ReplaceAll(s.locale, "-", "")), "UTF8")
	d.add("locale", "字符编码", "locale", unless(utf8, stateWarn), printable(s.locale), "设 LANG=C.UTF-8,否则终端可能无法显示中文", "set LANG=C.UTF-8, or a terminal may not show Chinese")
}

func limitText(n uint64) string {
	if n > 1<<62 {
		return "∞"
	}
	return fmt.Sprint(n)
}

// settings looks at what the gate is told, and at the files that it is told of.
func (d *diagnosis) settings(s settingsFile, told *serving) {
	found, state := d.say("无设置文件", "no file of settings"), stateOK
	switch lines := d.told(s); {
	case len(lines) > 0:
		found, state = strings.Join(lines, " · "), stateFail
	case s.file != nil:
		found = s.path
	}
	d.add("settings", "设置", "settings", state, found, "zonebox config check 逐条列出", "zonebox config check lists them", "NJ24-22")
	if told.web.cert != "" {
		d.certificate(told.web)
	}
	if told.sources != "" {
		_, err := query.ReadSources(told.sources)
		d.add("sources", "数据来源", "sources", unless(err == nil, stateFail), told.sources, "按 docs/guides/sources.md 改正,权限 0600", "mend it as docs/guides/sources.md says, mode 0600", "NJ24-22")
	}
	if told.alerts != "" {
		_, err := feed.Parse(told.alerts)
		d.add("alerts", "告警外送", "alerts", unless(err == nil, stateFail), told.alerts, "须为 file:、unix: 或 syslog: 地址", "must be a file:, unix: or syslog: address", "NJ24-21")
	}
	for _, root := range told.cfg.BackupRoots {
		d.folder("backup_root", "备份目录", "backup folder", root)
	}
}

// certificateDays is how long before its end a certificate is told of.
const certificateDays = 30

// certificate looks at the certificate that an issuer gave the gate.
func (d *diagnosis) certificate(l listening) {
	add := func(state, found, zh, en string) {
		d.add("certificate", "HTTPS 证书", "HTTPS certificate", state, found, zh, en, "NJ24-22")
	}
	key, err := query.ReadSecret(l.key)
	if err != nil {
		add(stateFail, l.key, "私钥须可读且权限为 0600", "the key must be readable, and of mode 0600")
		return
	}
	defer clear(key)
	chain, err := os.ReadFile(l.cert)
	if err != nil {
		add(stateFail, l.cert, "证书不可读", "the certificate cannot be read")
		return
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		add(stateFail, l.cert, "证书与私钥不成对", "certificate and key are no pair")
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	left := time.Duration(0)
	if err == nil {
		left = leaf.NotAfter.Sub(d.now())
	}
	switch {
	case err != nil || left <= 0 || d.now().Before(leaf.NotBefore):
		add(stateFail, l.cert, "证书不在有效期内:换发", "the certificate is not valid now: have it issued anew")
	case left < certificateDays*24*time.Hour:
		add(stateWarn, leaf.NotAfter.Format(time.DateOnly), "证书 30 天内到期:换发", "the certificate ends within 30 days: have it issued anew")
	default:
		add(stateOK, leaf.NotAfter.Format(time.DateOnly), "", "")
	}
}

// folders looks at the domain's folder and that of its keys.
func (d *diagnosis) folders(s secrets, now time.Time) {
	domain := d.domain
	if domain == "" {
		d.add("domain", "域目录", "domain folder", stateOK, d.say("未指明,未检查", "none is named; not looked at"), "", "")
		return
	}
	keyFolder := s.folder(d.app)
	if _, err := os.Stat(domain); errors.Is(err, fs.ErrNotExist) {
		d.add("domain", "域目录", "domain folder", stateOK, domain+d.say(" 尚未建立", " is not there yet"), "", "")
		return
	}
	d.folder("domain", "域目录", "domain folder", domain)
	d.folder("keys", "密钥目录", "key folder", keyFolder)
	inside := within(domain, keyFolder)
	d.add("keys_apart", "密钥与数据分离", "keys apart from data", unless(!inside, stateFail), keyFolder, "密钥目录须在域目录之外,以 --keys 指明", "the key folder must lie outside the domain folder: name it with --keys", "NJ24-22")
	if last := lastWritten(query.AuditDir(domain)); !last.IsZero() {
		d.add("clock_log", "时钟与审计日志", "clock and log", unless(!last.After(now.Add(time.Minute)), stateFail), last.Format(time.DateTime), "时钟早于日志最后一次写入:先校时,再启动网关", "the clock stands before the log was last written: set it before the gate starts", "JM19-36")
	}
	d.keysOpen(keyFolder, s)
}

// within reports whether path lies in dir, or is it, wherever links lead.
func within(dir, path string) bool {
	resolve := func(p string) string {
		if r, err := filepath.EvalSymlinks(p); err == nil {
			p = r
		}
		if abs, err := filepath.Abs(p); err == nil {
			p = abs
		}
		return p
	}
	rel, err := filepath.Rel(resolve(dir), resolve(path))
	return err != nil || rel == "." || rel != ".." && !strings.HasPrefix(rel, "../")
}

// lastWritten is when a file of the audit log was written last, by the clock of then.
func lastWritten(dir string) (last time.Time) {
	for _, pattern := range []string{"checkpoint", "tail/*"} {
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.ModTime().After(last) {
				last = info.ModTime()
			}
		}
	}
	return last
}

// keysOpen tries whether the key folder opens, as a gate that starts does. It says
// nothing of what is inside.
func (d *diagnosis) keysOpen(folder string, s secrets) {
	add := func(state, found, zh, en string) {
		d.add("keys_open", "密钥可打开", "keys open", state, found, zh, en, "NJ24-22")
	}
	if s.passphraseFile == "" && s.vault == "" {
		add(stateOK, d.say("未给出口令文件或 Vault,未试", "no passphrase file or Vault is named; not tried"), "", "")
		return
	}
	var cfg query.Config
	err := s.open(d.app, &cfg, false)
	if err == nil && cfg.Provider == nil {
		cfg.Provider = keys.Passphrase(cfg.Passphrase)
	}
	var f *keys.Folder
	if err == nil {
		f, err = keys.Open(folder, cfg.Provider)
	}
	clear(cfg.Passphrase)
	switch {
	case err == nil:
		add(unless(f.Close() == nil, stateFail), d.say("可打开", "they open"), "锁未能释放", "the lock cannot be let go")
	case errors.Is(err, keys.ErrLocked):
		add(stateOK, d.say("网关正在使用", "a gate uses them"), "", "")
	case errors.Is(err, keys.ErrPassphrase):
		add(stateFail, d.say("口令不符", "the passphrase does not open them"), "核对 --passphrase-file 与 --keys", "compare --passphrase-file and --keys")
	case errors.Is(err, keys.ErrAway), errors.Is(err, keys.ErrForbidden):
		add(stateFail, d.say("Vault 不可用或拒绝凭据", "Vault does not answer, or refuses the credentials"), "核对 --vault 所指文件与 Vault 状态", "look at the file that --vault names, and at Vault")
	default:
		add(stateFail, d.say("打不开", "they do not open"), "核对目录权限 (0700) 与内容是否完整", "look at the folder's mode (0700), and whether it is whole")
	}
}

// site is a folder and the disk that it lies on.
type site struct {
	mode        fs.FileMode
	isFolder    bool
	owner, self int
	system      string // its file system
	free, size  uint64 // bytes
}

// Bounds of the room on a disk: below the one a gate that writes its log soon stops,
// below the other it is time to look for more.
const (
	leastRoom = 256 << 20
	soonRoom  = 5 << 30
)

// folder looks at a folder that must be its owner's alone, and at its disk.
func (d *diagnosis) folder(check, zh, en, path string) {
	p, err := lookAtPlace(path)
	if err != nil {
		d.add(check, zh, en, stateFail, path+d.say(" 不可达", " cannot be reached"), "建立该目录,或核对路径与上级目录的权限", "make the folder, or look at its path and at the modes above it", "NJ24-22")
		return
	}
	d.room(check, zh, en, path, p)
}

func (d *diagnosis) room(check, zh, en, path string, p site) {
	found := fmt.Sprintf("%s %04o uid %d", path, p.mode.Perm(), p.owner)
	switch {
	case !p.isFolder:
		d.add(check, zh, en, stateFail, found, "须为目录", "must be a folder", "NJ24-22")
	case p.mode.Perm()&0o077 != 0:
		d.add(check, zh, en, stateFail, found, "他人可访问:chmod 0700", "others may reach it: chmod 0700", "NJ24-22")
	case p.owner != p.self:
		d.add(check, zh, en, stateWarn, found, "不属于运行者:以网关的用户运行 doctor,或 chown", "it belongs to another user: run doctor as the gate's, or chown it", "NJ24-22")
	default:
		d.add(check, zh, en, stateOK, found, "", "")
	}
	check, zh, en = check+"_disk", zh+"所在磁盘", "disk of the "+en
	found = fmt.Sprintf(d.say("%s,余 %.1f GiB,共 %.1f GiB", "%s, %.1f GiB free of %.1f GiB"), p.system, float64(p.free)/(1<<30), float64(p.size)/(1<<30))
	switch {
	case p.free < leastRoom:
		d.add(check, zh, en, stateFail, found, "磁盘将满,网关会停止受理:腾出空间", "the disk is nearly full and the gate stops taking work: make room", "JM19-36")
	case p.system == "tmpfs" || p.system == "ramfs":
		d.add(check, zh, en, stateWarn, found, "内存文件系统,重启即失:改放持久磁盘", "memory, which a restart empties: use a disk", "YC22-14")
	case networked[p.system]:
		d.add(check, zh, en, stateWarn, found, "网络文件系统的锁与落盘不可靠:改放本地磁盘", "a network's locks and flushes are not to be relied on: use a local disk", "JM19-36")
	case p.free < soonRoom || p.free < p.size/10:
		d.add(check, zh, en, stateWarn, found, "空间不足一成或 5 GiB:扩容,或清理旧版本", "less than a tenth or 5 GiB is left: add room, or retire old versions", "JM19-36")
	default:
		d.add(check, zh, en, stateOK, found, "", "")
	}
}

// networked are file systems that lie on another host.
var networked = map[string]bool{"nfs": true, "cifs": true, "smb2": true, "fuse": true, "9p": true, "ceph": true}
