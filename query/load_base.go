package query

import (
	"errors"
	"fmt"

	"zonebox/zone"
)

// increments is the mode of a delivery as lineage has it: "" for a full one.
func (m Manifest) increments() string {
	if m.Mode == ModeFull {
		return ""
	}
	return m.Mode
}

// fits checks that a delivery of a part stands on the current version, and
// that its entry says what tells its rows apart where it is to replace some.
func (l *loading) fits() error {
	m, d := l.manifest, l.dataset
	switch m.Mode {
	case "", ModeFull:
		if m.Base != "" {
			return fail("LOAD_MODE", nil).because("完整交付不写 base", "a full delivery has no base")
		}
		return nil
	case ModeAppend, ModeUpsert:
	default:
		return fail("LOAD_MODE", nil).because("mode 须为 full、append 或 upsert", "mode must be full, append or upsert")
	}
	switch {
	case d.Data == nil:
		return fail("LOAD_BASE", nil).because("数据集没有可用的现行版本", "the dataset has no current version that can be used")
	case m.Base == "":
		return fail("LOAD_BASE", nil).because("清单缺少 base", "the manifest lacks base")
	case m.Base != d.Data.Version:
		return fail("LOAD_BASE", nil)
	case m.Mode == ModeUpsert && len(d.Spec.Key) == 0:
		return fail("LOAD_MODE", nil).because("目录条目未声明主键(key)", "the catalogue entry declares no key")
	}
	return nil
}

// base returns what the rows of the delivery are added to, nil if it is full.
func (l *loading) base() *zone.Base {
	if l.manifest.increments() == "" {
		return nil
	}
	return &zone.Base{Version: l.dataset.Data.Version, Manifest: l.dataset.Data.Manifest, Upsert: l.manifest.Mode == ModeUpsert}
}

// incrementError is what whoever loads is told of the store's refusal of rows, nil
// if cause is none.
func incrementError(cause error) *Error {
	var key *zone.KeyError
	switch {
	case errors.As(cause, &key) && key.Column != "":
		return refused(fmt.Sprintf("第 %d 行主键列 %s 为空", key.Row, key.Column), fmt.Sprintf("row %d: key column %s is empty", key.Row, key.Column), "NJ24-20")
	case errors.As(cause, &key) && key.First > 0:
		return refused(fmt.Sprintf("第 %d 行与第 %d 行主键相同", key.Row, key.First), fmt.Sprintf("row %d has the key of row %d", key.Row, key.First), "NJ24-20")
	case errors.As(cause, &key):
		return refused(fmt.Sprintf("第 %d 行的主键在现行版本中已有;更新请用 upsert", key.Row), fmt.Sprintf("row %d: its key is in the current version; to replace rows, deliver an upsert", key.Row), "NJ24-20")
	case errors.Is(cause, zone.ErrEntities):
		return refused("主体或主键数量超过网关为装载留出的内存", "more entities or keys than the gate has memory for in loads", "NJ24-22")
	case errors.Is(cause, zone.ErrBase):
		return refused("现行版本的列与目录条目不同,增量不能以其为基础;请交付完整数据", "the current version has other columns than the entry: deliver the whole dataset", "NJ24-15")
	}
	return nil
}
