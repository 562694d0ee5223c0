package china

import (
	"strings"
	"unicode/utf8"
)

// singleSurnames are the surnames of one character of the 百家姓 (10th century)
// and those of later counts that it lacks. The order is of no meaning.
const singleSurnames = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎" +
	"鲁韦昌马苗凤花方俞任袁柳酆鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒屈项祝董梁" +
	"杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯昝管卢莫经房裘缪干解应宗丁宣贲邓郁单杭洪包诸左石崔吉钮龚程嵇邢滑裴陆荣翁荀羊於惠甄曲家封芮" +
	"羿储靳汲邴糜松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘钭厉戎祖武符刘景詹束龙叶幸司韶郜黎蓟薄印宿白怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴胥能苍双闻莘党" +
	"翟谭贡劳逄姬申扶堵冉宰郦雍郤璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁" +
	"勾敖融冷訾辛阚那简饶空曾毋沙乜养鞠须丰巢关蒯相查后荆红游竺权逯盖益桓公楚闫法汝鄢涂钦归海岳帅缑亢况郇有琴商牟佘佴伯赏墨哈谯笪年爱阳佟言福" +
	"肖覃付代丘邸苟揭麦鲜仝兰刑邝邬粟蓝缐闰冼綦谌谷植官原亓侴迟隋卿召药英初户母苑尧兆修励保信党刚双多布达苏邰鹿晋植布尉翦訚郎禚候丛盘揣撒晋竹青银占隽战由巨禤" +
	"岩普者朴玄南俸"

// commonSurnames are the surnames that the reports on names of the household
// register (公安部, 2020 and 2021) list as the most frequent, a hundred of which
// some 85 % of people have, and a few that come next.
const commonSurnames = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任" +
	"沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤" +
	"傅阎萧赖庞樊殷施倪翟俞颜温芦季童祝梅盛单柳岳齐左欧章安常凌毕焦文易庄"

// compoundSurnames are the surnames of two characters of the 百家姓 that people
// still have, and those of later counts that it lacks.
const compoundSurnames = "万俟 司马 上官 欧阳 夏侯 诸葛 闻人 东方 赫连 皇甫 尉迟 公羊 澹台 公冶 宗政 濮阳 淳于 单于 太叔 申屠 公孙 仲孙 轩辕 令狐 " +
	"钟离 宇文 长孙 慕容 鲜于 闾丘 司徒 司空 亓官 司寇 仉督 子车 颛孙 端木 巫马 公西 漆雕 乐正 壤驷 公良 拓跋 夹谷 宰父 谷梁 段干 百里 东郭 南门 呼延 " +
	"羊舌 微生 梁丘 左丘 东门 西门 南宫 第五 独孤 南荣 北宫 左人 屈突 尔朱 纳兰 完颜 叶赫 耶律 爱新觉罗 那拉 钮祜禄 富察 "

// givenCharacters are characters that names given in the last eighty years are
// mostly of. A word of a surname and one of these is a name more often than not.
const givenCharacters = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂华红玉萍鑫鹏波斌宇浩凯健俊帆帅旭宁龙林欢佳玲云建国海燕春秋冬梅竹菊莲" +
	"雪琳琴瑶瑾璐颖怡婷婕媛嫣倩茜莉莎薇蕾蓉芬芸芝苗茹荣菲萌琪琦瑞珍珠珊玮珂琳瑜瑛璇晨曦晓晴晶昊昕星阳光辉灿烨炜焱煜熙然志忠思恩惠慧慈悦怀恒成诚信仁义礼德行善良和" +
	"谦逊文武斯彬博学书诗歌雅韵琴棋画墨轩宸辰泽润清泉江河涵淑淼源浪涌潇潮瀚沐沛洁源子梓梦一依伊紫诺雨欣可心涵嘉怡佩佑佐俊伦伯仲叔季孝家富贵金银财宝福禄寿喜庆祥瑞安康" +
	"健永久长远达通顺利胜凯旋兴旺昌盛发展生新立创业维卫民军保和平世界代传承继先祖宗耀光启明亮宏伟大广博厚坤乾天宇航飞翔腾跃升峰岳岩岭山川松柏杨柳桐楠森林树木青翠绿碧" +
	"蓝紫丹彤彩虹霓裳素白月娥娇婵妍妮姗娅婉娴嫦媚凤凰鸾鹤鹰雁莺鹃燕豪杰英雄勇刚毅坚强力威猛虎豹骏马驰骋冠群才智聪睿哲贤俊逸凡尘非然若如之乃其亦以君卿尔雯霄震霆露霖" +
	"霜冰雪爽朗畅舒展懿馨香芹芷若萱蓓蕊葵薇荷菁莹菡萃蔓蕙艺苑苏莺园圆满园朋友爱亲双全根柱栋梁材国邦城庭堂华夏中原东西南北方正直义道理纲常纪律法则严肃政权衡均权" +
	"二三四五六七八九十小少宝贝丫囡妹姐弟哥秋兵岚岑巍嵩崇川州锋锐钢铁铭镇钧锦钰锋铮鉴刘进连运远迪逢遥邈勤劳俭朴实诚恳仪伶俐侠倩倬偲儒允兆先克全公六典养冰凌决准" +
	"振捷授掌摇政效敬斐旻昱昭晖景智暄曼曾曙有望朝木本杉杏李村杭松枫柔栩格桃梁棠森椿楚槐榕樱欧歆毓民水汉池沁沂沙治泓波泳洪洲津浦润淇淳深渊温湘溢滢漪澄澜炎炳烈焕照" +
	"熹爽牧玄玖玟玥环玺珏珺理琛琨琬琰瑄瑗瑶璞璟璨瓒甜生田申男界畅畔疆登皓益盈盼真睿石砚硕磊祎祖祯祺禄禹秉科程稷穆立章竞笑笛策筠箫粤紫绍经绣维绮缘罡羽翎翰翼聆聪肖肃" +
	"胤能自至舟航良艾芃芊芮花苇茂范茵荔荟莘莞菊萧葆蒙蓝蔚蕴藤虹蝶衍衡裕褚言让训记许论访诒诗誉谊谋谨谷豫贝贞财贤贵赋赞超越路轶辅辉辛达迅迎进逸邦邵郁郡郭酉采里重野金" +
	"钊钦钱铃铎铠银锡锴镜长闻阔阿陆陈陵隆隽雄雁雅集霏青靖静非韦韬韶项顺颂颜风飒香驹骁骅骞高魁鲁鲲鸣鸽鸿鹂麒麟麦黎默鼎齐龄" +
	"芯桦毅奕弈翊楷杨蕾茗宣沅汐沫玫"

// A RuneSet is a set of characters of the basic plane.
type RuneSet [1 << 16 / 64]uint64

// NewRuneSet returns the set of the characters of text, each below U+10000.
func NewRuneSet(text string) *RuneSet {
	s := new(RuneSet)
	for _, r := range text {
		s[r/64] |= 1 << (r % 64)
	}
	return s
}

// Has reports whether r is in s.
func (s *RuneSet) Has(r rune) bool { return uint32(r) < 1<<16 && s[r/64]>>(r%64)&1 == 1 }

var (
	surnameSet       = NewRuneSet(singleSurnames + commonSurnames)
	commonSurnameSet = NewRuneSet(commonSurnames)
	givenSet         = NewRuneSet(givenCharacters)

	compoundFirst, compoundSecond = func() (first, second *RuneSet) {
		var a, b []rune
		for _, s := range strings.Fields(compoundSurnames) {
			r := []rune(s)
			a, b = append(a, r[0]), append(b, r[1])
		}
		return NewRuneSet(string(a)), NewRuneSet(string(b))
	}()
)

// SingleSurname reports whether r is a surname of one character, and whether it
// is one of the hundred most frequent.
func SingleSurname(r rune) (known, common bool) { return surnameSet.Has(r), commonSurnameSet.Has(r) }

// BeginsCompound reports whether a surname of more than one character begins with
// r.
func BeginsCompound(r rune) bool { return compoundFirst.Has(r) }

// GivenCharacter reports whether names given lately often have r in them.
func GivenCharacter(r rune) bool { return givenSet.Has(r) }

// Surname returns the length in bytes of the surname that s starts with, the
// longest that is known: 诸葛 of 诸葛亮. It returns 0 if there is none.
func Surname[T Text](s T) int {
	if len(s) < 3 || s[0]&0xF0 != 0xE0 {
		return 0
	}
	var buf [12]byte
	b := append(buf[:0], s[:min(len(s), len(buf))]...)
	first, size := utf8.DecodeRune(b)
	second, _ := utf8.DecodeRune(b[size:])
	if compoundFirst.Has(first) && compoundSecond.Has(second) {
		longest := 0
		for i := 0; i < len(compoundSurnames); {
			n := strings.IndexByte(compoundSurnames[i:], ' ')
			if n > longest && n <= len(b) && compoundSurnames[i:i+n] == string(b[:n]) {
				longest = n
			}
			i += n + 1
		}
		if longest > 0 {
			return longest
		}
	}
	if surnameSet.Has(first) {
		return size
	}
	return 0
}

// A Name is a text taken for the name of a person.
type Name struct {
	Surname int  // bytes of the surname; 0 of a name with a dot
	Common  bool // a surname of the most frequent, or a compound one
	Given   int  // how many of the other characters names often have
	Rest    int  // how many other characters there are
}

// ParseName takes s as the name of a person: a known surname and one or two
// characters more (three with a dot are not looked at), or two to six groups of
// characters joined by a middle dot (阿卜杜拉·买买提), of which nothing else
// can be checked.
//
// One Chinese word in six passes: Common and Given say how much to believe it.
func ParseName[T Text](s T) (Name, bool) {
	if len(s) < 6 || len(s) > 60 {
		return Name{}, false
	}
	var buf [60]byte
	b := append(buf[:0], s...)
	if !chinese(b[:3]) {
		return Name{}, false
	}
	var n Name
	n.Surname = Surname(b)
	groups, width := 1, 0
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case r == '·' || r == '•' || r == '・' || r == '．':
			if width == 0 {
				return Name{}, false
			}
			groups++
			width = 0
		case !Hanzi(r):
			return Name{}, false
		default:
			if i >= n.Surname {
				n.Rest++
				if givenSet.Has(r) {
					n.Given++
				}
			}
			width++
		}
		i += size
	}
	if width == 0 || groups > 6 {
		return Name{}, false
	}
	if groups > 1 {
		return Name{Rest: n.Rest}, true
	}
	first, _ := utf8.DecodeRune(b)
	n.Common = n.Surname > 3 || commonSurnameSet.Has(first)
	return n, n.Surname > 0 && n.Rest >= 1 && n.Rest <= 2
}

// Hanzi reports whether r is a Chinese character: the unified ideographs with
// their extensions A to G, compatibility ideographs and 〇.
func Hanzi(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0x20000 && r <= 0x323AF ||
		r >= 0xF900 && r <= 0xFAFF || r == '〇'
}

func chinese(b []byte) bool {
	r, size := utf8.DecodeRune(b)
	return size == 3 && Hanzi(r)
}
