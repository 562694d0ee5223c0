package detect

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// headerWords are what columns are called: in Chinese, in full pinyin, in the
// initials of its syllables, and in English.
var headerWords = map[Class]string{
	ResidentID: "身份证 身份证号 身份证号码 公民身份号码 居民身份证号码 证件号码 证件号 身份证件号码 sfz sfzh sfzhm gmsfhm gmsfzh zjhm zjh sfzjh sfzjhm idcard id_card idno id_no " +
		"shenfenzheng shenfenzhenghao shenfenzhenghaoma gongminshenfenhaoma zhengjianhaoma zhengjianhao identity_number identity_no citizen_id resident_id cert_no id_number",
	CreditCode: "统一社会信用代码 社会信用代码 信用代码 统一信用代码 tyshxydm shxydm xydm tyxydm tongyishehuixinyongdaima uscc uscid credit_code social_credit_code 纳税人识别号 nsrsbh 税号 nashuirenshibiehao",
	Mobile: "手机 手机号 手机号码 电话 联系电话 移动电话 联系方式 sj sjh sjhm lxdh lxfs yddh dh dhhm shouji shoujihao shoujihaoma lianxidianhua lianxifangshi dianhua " +
		"mobile mobile_no mobile_phone phone phone_no phone_number tel telephone cell cellphone",
	BankCard:     "银行卡 银行卡号 卡号 银行账号 银行帐号 账号 帐号 开户账号 yhk yhkh yhzh kh zh khzh yinhangka yinhangkahao yinhangzhanghao kahao bank_card card_no bank_account account_no bankcard card_number",
	Landline:     "固定电话 固话 座机 办公电话 单位电话 住宅电话 传真 gddh gh zj bgdh dwdh zzdh cz gudingdianhua zuoji bangongdianhua chuanzhen landline fax office_phone telephone tel 电话 联系电话 dh lxdh dianhua",
	Organization: "组织机构代码 机构代码 zzjgdm jgdm zuzhijigoudaima org_code organization_code",
	Passport:     "护照 护照号 护照号码 hz hzh hzhm huzhao huzhaohao huzhaohaoma passport passport_no 证件号码 证件号 zjhm",
	Permit:       "通行证 通行证号 港澳通行证 往来港澳通行证 回乡证 台胞证 txz txzh gatxz tongxingzheng tongxingzhenghao permit_no 证件号码 证件号 zjhm",
	Plate:        "车牌 车牌号 车牌号码 号牌 号牌号码 车号 机动车号牌 cp cph cphm hphm ch chepai chepaihao chepaihaoma haopaihaoma plate plate_no license_plate car_no vehicle_no",
	Email:        "邮箱 电子邮箱 电子邮件 邮件地址 yx dzyx dzyj youxiang dianziyouxiang dianziyoujian email e_mail mail email_address",
	Network:      "ip ip地址 登录ip 访问ip 客户端ip ipdz ip_address client_ip ip_addr remote_addr login_ip src_ip dst_ip",
	PostalAddress: "地址 住址 家庭住址 家庭地址 详细地址 现住址 居住地址 户籍地址 户籍地 联系地址 通讯地址 注册地址 单位地址 经营地址 收货地址 dz zz jtzz jtdz xxdz xzz jzdz hjdz lxdz txdz zcdz dwdz jydz shdz " +
		"dizhi zhuzhi jiatingzhuzhi jiatingdizhi xiangxidizhi juzhudizhi hujidizhi lianxidizhi tongxundizhi address addr home_address residence",
	PersonName: "姓名 名字 名称 人员姓名 患者姓名 客户姓名 联系人 法定代表人 法人 法人姓名 户主 户主姓名 申请人 申请人姓名 经办人 负责人 监护人 收件人 收货人 车主 xm mz ryxm hzxm khxm lxr fddbr fr frxm hzxm sqr sqrxm jbr fzr jhr sjr cz " +
		"xingming mingzi lianxiren fadingdaibiaoren shenqingren jingbanren fuzeren name full_name person_name real_name patient_name customer_name contact owner",
}

// otherHeaders are columns of numbers that look like identifiers.
const otherHeaders = "订单号 订单编号 单号 流水号 交易流水号 交易号 编号 序列号 序号 发票号 发票号码 发票代码 运单号 快递单号 批次号 批号 时间戳 合同号 合同编号 案号 工单号 受理号 版本号 条码 设备号 凭证号 会员卡号 " +
	"ddh ddbh lsh jylsh bh xlh xh fph fphm fpdm ydh pch sjc hth htbh ah gdh slh order_no order_id orderid serial serial_no trace_id timestamp ts invoice_no invoice_code batch_no version uuid hash md5 sku barcode imei seq id"

// headerIndex maps each word of the two lists to the classes it names; a word of
// otherHeaders to none.
var headerIndex = func() map[string]Set {
	m := map[string]Set{}
	for _, word := range strings.Fields(otherHeaders) {
		m[plainHeader(word)] = 0
	}
	for class, words := range headerWords {
		for _, word := range strings.Fields(words) {
			m[plainHeader(word)] |= 1 << class
		}
	}
	return m
}()

// plainHeader returns a name of a column as the index has it: small letters and
// digits and Chinese characters, nothing between them.
func plainHeader(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// headerClasses returns the classes that the name of a column speaks for, and,
// if it names something else, those it speaks against. The name as a whole
// counts, then its words and, of a Chinese one, its longest ending and beginning
// that are listed: 申请人身份证号, xm_bak, patientPhone.
func headerClasses(name string) (of, not Set) {
	if of, ok := headerIndex[plainHeader(name)]; ok {
		if of == 0 {
			return 0, numeric
		}
		return of, 0
	}
	for _, word := range headerParts(name) {
		if s, ok := headerIndex[word]; ok && len(word) > 1 {
			of |= s
			if s == 0 {
				not = numeric
			}
		}
	}
	if of != 0 {
		not = 0
	}
	return of, not
}

// headerParts splits a name at signs, at changes of script and at capitals, and
// adds the endings and beginnings of its Chinese parts.
func headerParts(name string) []string {
	var parts []string
	start, last := 0, ' '
	flush := func(end int) {
		part := plainHeader(name[start:end])
		start = end
		if part == "" {
			return
		}
		parts = append(parts, part)
		if part[0] < utf8.RuneSelf {
			parts = append(parts, strings.TrimRight(part, "0123456789"))
			for i := 1; i < len(part); i++ { // brsfzh, cyrxm
				if _, ok := headerIndex[part[i:]]; ok && (len(part)-i >= 4 || part[i:] == "xm" && i <= 3) {
					parts = append(parts, part[i:])
					return
				}
			}
			return
		}
		for i := range part {
			if i == 0 {
				continue
			}
			if _, ok := headerIndex[part[i:]]; ok {
				parts = append(parts, part[i:])
				return
			}
		}
		for i := len(part) - 3; i >= 6; i -= 3 {
			if _, ok := headerIndex[part[:i]]; ok && utf8.ValidString(part[:i]) {
				parts = append(parts, part[:i])
				return
			}
		}
	}
	for i, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.IsUpper(r) && unicode.IsLower(last) || r < utf8.RuneSelf != (last < utf8.RuneSelf) {
			flush(i)
		}
		last = r
	}
	flush(len(name))
	return parts
}
