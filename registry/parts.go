package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Part is one field of a document's spec.
type Part struct {
	Path  string `json:"path"` // such as columns/name=phone/level
	ZH    string `json:"zh"`   // what the field is called
	Value string `json:"value"`
}

// Parts returns every field of a document's spec, in the order of their paths. An item
// of a list of objects is found by what names it, so that two versions of a list
// compare whatever their order. Values are whole.
func Parts(d Document) ([]Part, error) {
	dec := json.NewDecoder(bytes.NewReader(d.Spec))
	dec.UseNumber()
	var spec any
	if err := dec.Decode(&spec); err != nil {
		return nil, fmt.Errorf("registry: decode %s %s: not of that kind", d.Kind, d.Name)
	}
	all := map[string]string{}
	flatten(all, "", spec)
	var out []Part
	for _, path := range slices.Sorted(maps.Keys(all)) {
		out = append(out, Part{path, label(path), all[path]})
	}
	return out, nil
}

// flatten puts each leaf of v into all, by its path.
func flatten(all map[string]string, path string, v any) {
	join := func(key string) string { return strings.TrimPrefix(path+"/"+strings.ReplaceAll(key, "/", "~1"), "/") }
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flatten(all, join(k), e)
		}
	case []any:
		var plain []string
		for i, e := range v {
			object, ok := e.(map[string]any)
			if !ok {
				plain = append(plain, fmt.Sprint(e))
				continue
			}
			at := join(identity(object, i))
			for taken := range all { // two that are named alike stay apart
				if strings.HasPrefix(taken, at+"/") {
					at = join(fmt.Sprintf("#%d", i+1))
					break
				}
			}
			flatten(all, at, e)
		}
		if len(plain) > 0 || len(v) == 0 {
			text, err := json.Marshal(plain)
			if err != nil || plain == nil {
				text = []byte("[]")
			}
			all[path] = string(text)
		}
	case nil:
		all[path] = "null"
	default:
		all[path] = fmt.Sprint(v)
	}
}

// identity names an item of a list by what its kind is told apart by.
func identity(o map[string]any, i int) string {
	var parts []string
	for _, key := range []string{"name", "dataset", "column", "element", "class", "stage", "kind"} {
		if v, ok := o[key].(string); ok {
			parts = append(parts, key+"="+v)
		}
		if key == "name" && len(parts) > 0 || key == "class" && len(parts) > 0 {
			break
		}
	}
	return cmp.Or(strings.Join(parts, ","), fmt.Sprintf("#%d", i+1))
}

// labels are fields as people call them.
var labels = map[string]string{
	"title": "标题", "title_en": "英文标题", "kind": "类别", "credit_code": "统一社会信用代码", "org_form": "组织形式", "provider_type": "提供单位类型",
	"security_officer": "数据安全负责人", "security_department": "数据安全管理部门", "evidence": "证明材料", "incident_3y": "三年内安全事件", "dishonesty_3y": "三年内失信",
	"real_name": "姓名", "organization": "所属机构", "roles": "角色", "status": "状态", "status_reason": "状态变更依据", "signing_key": "签名公钥", "recipient_key": "接收公钥", "oidc": "统一身份认证", "certificates": "客户端证书", "issuer": "认证机构", "subject": "认证标识",
	"confidentiality_ref": "保密协议", "permissions": "权限", "months": "留存月数", "reason": "理由", "domain": "领域", "regulator": "监管部门", "pack": "政策包",
	"responsible": "责任人", "person": "人员", "stage": "环节", "retention": "数据留存", "versions": "版本数", "days": "天数", "token_algorithm": "令牌算法", "storage_algorithm": "存储算法", "quota_bytes": "存储配额(字节)",
	"signed_deliveries": "交付须签名", "zone": "专区", "regime": "法律属性", "category": "目录类别", "provider": "提供单位", "collector": "采集单位", "auditor": "审核单位",
	"format": "格式", "share_type": "共享类型", "share_mode": "共享方式", "share_reason": "共享限制理由", "open_type": "开放类型", "open_reason": "开放限制理由", "open_ground": "不予开放事由",
	"legal_basis": "法律依据", "use_requirements": "使用要求", "review_due": "复核期限", "secret_flag": "涉密", "personal_info": "个人信息", "public_safety": "影响公共安全",
	"temporary": "临时采集", "entity": "主体标识", "key": "主键", "source": "来源", "acquired": "取得日期", "update_frequency": "更新周期", "columns": "列", "change_reason": "变更理由",
	"name": "名称", "type": "类型", "level": "级别", "class": "分类", "pi_kind": "个人信息种类", "public_codes": "公开代码", "nullable": "可空", "cause_code": "敏感事由", "item": "数据项",
	"element": "数据元", "authoritative": "权威来源", "standard": "标准", "items": "清单项", "basis": "依据", "dataset": "数据集", "column": "列", "datasets": "数据集",
	"operator": "运营单位", "start": "起始", "end": "截止", "renewed_basis": "续期依据", "relaxes": "放宽事项", "value": "放宽至", "city": "市级同意", "purpose_class": "用途类别", "sections": "协议条款",
	"subject_and_object": "授权主体与对象", "content": "授权内容", "procedure": "程序", "scope": "范围", "term": "期限", "responsibility": "责任", "supervision": "监督", "termination": "终止",
	"purposes": "用途", "license": "协议", "purpose_code": "用途代码", "output_forms": "结果形式", "round": "取整基数", "recipients": "接收人", "period": "期间", "from": "自", "until": "至",
	"from_zone": "提供专区", "to_zone": "使用专区", "from_zreg": "提供专区监管评估", "to_zreg": "使用专区监管评估", "scenario": "场景", "mode": "方式", "recipe": "脱敏规则", "zreg": "监管评估", "prov": "提供审核", "by": "人员", "org": "单位", "at": "时间", "repeats": "可重复结果", "in": "取值",
	"statement_sha256": "语句摘要", "access": "访问方式", "commitments": "承诺", "truthful": "真实", "compliant": "合规", "secure": "安全", "grant": "授权", "contract": "质量契约",
	"gate": "隔离门槛", "minimum_score": "最低得分", "errors": "严重级规则", "sql": "语句", "parameters": "参数", "default": "缺省值", "list": "列表", "range": "区间", "pattern": "模式",
	"region": "行政区划", "min": "下限", "max": "上限", "valid_until": "有效期至", "code": "代码", "lead": "牵头单位", "co_builders": "共建单位",
	"effective": "生效时间", "incidents": "安全事件", "dishonesty": "失信记录", "on": "日期", "ref": "文号",
	"target": "对象", "degree": "程度", "rate": "每小时次数", "max_level": "最高级别", "aggregates_only": "只准汇总", "clause": "依据条款", "alert": "所依据的告警",
	"scenarios": "场景", "grants": "授权", "conditions": "条件", "window": "受理期间", "course": "办理事项", "award_method": "授权方式", "award_ref": "授权依据文号", "operating_mode": "运营方式",
	"supply_mode": "供给方式", "fee": "收费", "expression": "表达式", "max_length": "最大长度", "keep_first": "保留前几位", "keep_last": "保留后几位", "part": "保留部分", "width": "区间宽度",
	"digits": "保留位数", "text": "固定文本", "field": "字段种类", "values": "取值对照", "spread": "幅度", "length": "长度", "alphabet": "字母表",
}

// label returns what a field is called, with the item of a list that it belongs to.
func label(path string) string {
	var out []string
	for _, p := range strings.Split(path, "/") {
		if l, ok := labels[p]; ok {
			out = append(out, l)
		} else if _, name, ok := strings.Cut(p, "="); ok {
			out = append(out, short(strings.ReplaceAll(name, "~1", "/")))
		} else {
			out = append(out, short(strings.ReplaceAll(p, "~1", "/")))
		}
	}
	return strings.Join(out, " · ")
}
