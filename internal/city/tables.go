package city

// District is a county-level division with its code by GB/T 2260.
type District struct{ Code, Province, City, Name string }

// full is the district as an address begins.
func (d District) full() string { return d.Province + d.City + d.Name }

// nanjing is how many of the districts are in Nanjing; they come first.
const nanjing = 11

var districts = []District{
	{"320102", "江苏省", "南京市", "玄武区"}, {"320104", "江苏省", "南京市", "秦淮区"}, {"320105", "江苏省", "南京市", "建邺区"},
	{"320106", "江苏省", "南京市", "鼓楼区"}, {"320111", "江苏省", "南京市", "浦口区"}, {"320113", "江苏省", "南京市", "栖霞区"},
	{"320114", "江苏省", "南京市", "雨花台区"}, {"320115", "江苏省", "南京市", "江宁区"}, {"320116", "江苏省", "南京市", "六合区"},
	{"320117", "江苏省", "南京市", "溧水区"}, {"320118", "江苏省", "南京市", "高淳区"},
	{"320505", "江苏省", "苏州市", "虎丘区"}, {"320507", "江苏省", "苏州市", "相城区"},
	{"320902", "江苏省", "盐城市", "亭湖区"}, {"320903", "江苏省", "盐城市", "盐都区"}, {"320904", "江苏省", "盐城市", "大丰区"},
	{"110101", "北京市", "", "东城区"}, {"110105", "北京市", "", "朝阳区"}, {"110108", "北京市", "", "海淀区"},
	{"310101", "上海市", "", "黄浦区"}, {"310104", "上海市", "", "徐汇区"}, {"310115", "上海市", "", "浦东新区"},
	{"120101", "天津市", "", "和平区"}, {"500103", "重庆市", "", "渝中区"}, {"500112", "重庆市", "", "渝北区"},
	{"330102", "浙江省", "杭州市", "上城区"}, {"330106", "浙江省", "杭州市", "西湖区"}, {"340104", "安徽省", "合肥市", "蜀山区"},
	{"370102", "山东省", "济南市", "历下区"}, {"420106", "湖北省", "武汉市", "武昌区"}, {"420111", "湖北省", "武汉市", "洪山区"},
	{"430102", "湖南省", "长沙市", "芙蓉区"}, {"440103", "广东省", "广州市", "荔湾区"}, {"440106", "广东省", "广州市", "天河区"},
	{"440305", "广东省", "深圳市", "南山区"}, {"440703", "广东省", "江门市", "蓬江区"}, {"440704", "广东省", "江门市", "江海区"},
	{"440705", "广东省", "江门市", "新会区"}, {"441702", "广东省", "阳江市", "江城区"}, {"510104", "四川省", "成都市", "锦江区"},
	{"510107", "四川省", "成都市", "武侯区"}, {"610103", "陕西省", "西安市", "碑林区"}, {"610113", "陕西省", "西安市", "雁塔区"},
}

// birthRegions are the first six digits of identity numbers: the districts, and
// two of Nanjing that were merged away in 2013 and live on in the numbers of
// those born there (白下区, 下关区).
var birthRegions = func() []string {
	codes := []string{"320103", "320107"}
	for _, d := range districts {
		codes = append(codes, d.Code)
	}
	return codes
}()

// Districts returns the districts that occur as a place of residence, visit or
// business.
func Districts() []District { return append([]District(nil), districts...) }

// Diagnosis is an ICD-10 category with the department that sees it.
type Diagnosis struct{ Code, Title, Department string }

// diagnoses are in order of frequency: each is drawn less often than the one
// before it.
var diagnoses = []Diagnosis{
	{"J06", "急性上呼吸道感染", "呼吸内科"}, {"I10", "原发性高血压", "心血管内科"}, {"E11", "2型糖尿病", "内分泌科"},
	{"K29", "胃炎和十二指肠炎", "消化内科"}, {"M51", "椎间盘疾患", "骨科"}, {"J18", "肺炎", "呼吸内科"},
	{"I25", "慢性缺血性心脏病", "心血管内科"}, {"K02", "龋齿", "口腔科"}, {"H52", "屈光不正", "眼科"},
	{"L20", "特应性皮炎", "皮肤科"}, {"N39", "泌尿系统疾患", "泌尿外科"}, {"I63", "脑梗死", "神经内科"},
	{"K80", "胆石症", "普外科"}, {"E04", "非毒性甲状腺肿", "内分泌科"}, {"F41", "焦虑障碍", "精神科"},
	{"S52", "前臂骨折", "骨科"}, {"J45", "哮喘", "呼吸内科"}, {"N18", "慢性肾病", "肾内科"},
	{"O80", "顺产", "产科"}, {"B18", "慢性病毒性肝炎", "感染科"}, {"F32", "抑郁发作", "精神科"},
	{"C34", "支气管和肺恶性肿瘤", "肿瘤科"}, {"C50", "乳房恶性肿瘤", "肿瘤科"}, {"C18", "结肠恶性肿瘤", "肿瘤科"},
	{"G40", "癫痫", "神经内科"}, {"M32", "系统性红斑狼疮", "风湿免疫科"}, {"A15", "呼吸道结核病", "感染科"},
	{"D66", "遗传性因子Ⅷ缺乏", "血液科"}, {"B20", "人类免疫缺陷病毒病", "感染科"}, {"G12", "脊髓性肌萎缩", "神经内科"},
}

// Diagnoses returns the diagnoses that occur in Visits.
func Diagnoses() []Diagnosis { return append([]Diagnosis(nil), diagnoses...) }

var (
	// surnames are in order of frequency, as diagnoses are.
	surnames = split("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万钱严覃武戚祁")

	compoundSurnames = []string{"欧阳", "上官", "司马", "诸葛", "司徒", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "令狐", "宇文", "长孙", "东方", "端木", "澹台"}

	maleNames   = split("伟强磊军洋勇杰涛超明刚平辉鹏飞波斌宇浩凯健俊帆帅旭宁龙林峰建国志文博轩子豪嘉浩然天佑泽楷启瑞铭晨阳承恩")
	femaleNames = split("芳娜敏静丽艳娟霞秀玲桂英华慧巧美红燕萍雪琳洁梅莉兰凤云珍贞莲真环荣爱妹香月莺媛瑞凡佳嘉琼勤桂欣怡诗涵雨桐梓萱思")

	// rareNames are in GBK but not in GB2312; of 珅, 瑋 and 誠 the second byte is
	// the | or \ of ASCII.
	rareNames = split("喆堃昇玥珺璟頔祎燊湉翀垚犇骉祾珅瑋誠")

	// rarestNames are in GB18030 only, most of them with four bytes, some above
	// the basic plane.
	rarestNames = split("䶮㛃㑇䜣𬭎𨱏𫖮𬘡𬀩𬍛𫟹")

	// dottedNames are names of other peoples of the country, longer and with a
	// middle dot.
	dottedNames = []string{"买买提·吐尔逊", "阿依古丽·艾合买提", "古丽娜尔·木拉提", "帕提曼·依明", "阿卜杜热合曼·阿卜力孜", "次仁·多吉"}

	phonePrefixes = []string{
		"130", "131", "132", "133", "134", "135", "136", "137", "138", "139", "145", "147", "149", "150", "151", "152", "153", "155", "156", "157",
		"158", "159", "165", "166", "167", "170", "171", "172", "173", "175", "176", "177", "178", "180", "181", "182", "183", "184", "185", "186",
		"187", "188", "189", "190", "191", "192", "193", "195", "196", "197", "198", "199",
	}

	roads = []string{
		"中山路", "中央路", "北京东路", "太平南路", "长江路", "中华路", "汉中路", "虎踞路", "建宁路", "龙蟠路", "江东中路", "应天大街", "幕府东路",
		"解放路", "人民路", "建设路", "胜利街", "文昌巷", "学府路", "滨江大道", "迎宾大道", "科技园路", "青年路", "和平街", "新华路", "光明巷",
	}

	trades = []struct{ word, industry string }{
		{"信息技术", "软件和信息技术服务业"}, {"商贸", "批发业"}, {"百货", "零售业"}, {"建设工程", "建筑业"}, {"餐饮管理", "餐饮业"}, {"物流", "道路运输业"},
		{"机械制造", "通用设备制造业"}, {"电子科技", "计算机通信和其他电子设备制造业"}, {"生物医药", "医药制造业"}, {"教育咨询", "教育"},
		{"文化传媒", "广播电视电影业"}, {"环保科技", "生态保护和环境治理业"}, {"农业发展", "农业"}, {"置业", "房地产业"}, {"投资", "资本市场服务"},
	}

	enterpriseNames = split("华信瑞丰恒泰云海天元博远鼎盛金陵钟山紫金凯旋安康宏达正源同创联合卓越万象新城")
	enterpriseForms = []string{"有限公司", "有限责任公司", "股份有限公司", "(集团)有限公司", "合伙企业(有限合伙)"}
)

// split returns the characters of s.
func split(s string) []string {
	var out []string
	for _, r := range s {
		out = append(out, string(r))
	}
	return out
}
