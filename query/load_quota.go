package query

import "fmt"

// withinQuota refuses a delivery that the zone's quota has no room for beside all that
// is stored (NJ24-05). What is kept is dropped after a load, not before: for a moment
// the old versions and the new one are there together.
func (l *loading) withinQuota(d *delivered) error {
	most := l.facts.Zone.Spec.QuotaBytes
	if most == 0 || d.already {
		return nil
	}
	_, needed, err := d.stored.Measure()
	if err != nil {
		return err
	}
	versions, err := l.engine.registry.StoredVersions(l.ctx)
	if err != nil {
		return err
	}
	held := int64(0)
	for _, v := range versions {
		if v.Zone != l.manifest.Zone {
			continue
		}
		size, err := l.engine.store.Size(v.Zone, v.Dataset, v.Version)
		if err != nil {
			return l.engine.storeError(err)
		}
		held += size
	}
	if held+needed <= most {
		return nil
	}
	return fail("LOAD_QUOTA", nil).because(fmt.Sprintf("已用 %d 字节,此次需 %d 字节,配额 %d 字节", held, needed, most),
		fmt.Sprintf("%d bytes are stored, this takes %d, the quota is %d", held, needed, most))
}
