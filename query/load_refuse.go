package query

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"zonebox/registry"
	"zonebox/sandbox"
)

// event is an entry of the audit log about the delivery.
func (l *loading) event(kind string, fields map[string]string) registry.Event {
	m := l.manifest
	all := map[string]string{"load": l.id, "dataset": clip(m.Dataset), "grant": clip(m.Grant), "digest": clip(m.SHA256), "org": l.subject.organization}
	if l.subject.any(registry.RoleDataCentre) {
		all["role"] = registry.RoleDataCentre
	}
	for k, v := range fields {
		all[k] = v
	}
	return registry.Event{Kind: kind, Actor: l.subject.user, Zone: clip(m.Zone), Fields: all}
}

// refuse records why a delivery was not loaded, by codes alone, and returns it.
// It does so for someone who has gone as well.
func (l *loading) refuse(cause error) error {
	why := l.loadError(cause)
	err := l.engine.update(context.WithoutCancel(l.ctx), func(tx *registry.Tx) error {
		if why.Class != ClassFailure && why.Class != ClassBusy {
			if err := l.keepDecision(tx, l.ruled.against(), why.Code); err != nil {
				return err
			}
		}
		return tx.Emit(listed(l.event("load.refused", refusal(cause, why)), "repeats", l.seen))
	})
	if err != nil {
		return asError(err)
	}
	return why
}

// refusal is what an entry says of why a delivery was refused: codes, and where.
func refusal(cause error, why *Error) map[string]string {
	fields := map[string]string{"reasons": why.Code}
	var codes []string
	for _, d := range why.Details {
		codes = append(codes, d.Code)
	}
	if len(codes) > 1 {
		fields["reasons"] = strings.Join(codes, ", ")
	}
	var fault *sandbox.DeliveryError
	if errors.As(cause, &fault) {
		fields["fault"] = fault.Code
		for name, at := range map[string]int64{"row": fault.Row, "field": int64(fault.Field)} {
			if at > 0 {
				fields[name] = strconv.FormatInt(at, 10)
			}
		}
	}
	return fields
}

// loadError is what whoever loads is told of cause.
func (l *loading) loadError(cause error) *Error {
	var own *Error
	var delivery *sandbox.DeliveryError
	switch {
	case errors.As(cause, &own):
		return own
	case l.sender.stalled():
		return fail("LOAD_STALLED", cause)
	case l.ctx.Err() != nil: // whatever broke, it is because the sender went or the gate ends
		return fail("STOPPED", cause)
	case errors.As(cause, &delivery):
		t := deliveryTexts[delivery.Code]
		zh, en := t[0], t[1]
		if delivery.Row > 0 {
			zh, en = fmt.Sprintf("第 %d 行 ", delivery.Row)+zh, fmt.Sprintf("row %d ", delivery.Row)+en
		}
		if delivery.Column != "" {
			zh, en = zh+"(列 "+delivery.Column+")", en+" (column "+delivery.Column+")"
		}
		if delivery.Field > 0 { // what it is called is data
			zh, en = fmt.Sprintf("%s(表头第 %d 列)", zh, delivery.Field), fmt.Sprintf("%s (column %d of the header)", en, delivery.Field)
		}
		if delivery.Cell != "" {
			zh, en = zh+"(单元格 "+delivery.Cell+")", en+" (cell "+delivery.Cell+")"
		}
		return refused(strings.TrimSpace(zh), strings.TrimSpace(en), "NJ24-15")
	case incrementError(cause) != nil:
		return incrementError(cause)
	case errors.Is(cause, sandbox.ErrMemory), errors.Is(cause, sandbox.ErrTime), errors.Is(cause, sandbox.ErrOutput):
		return refused("超过装载的内存或时间上限", "the load ran past its memory or time limit", "NJ24-22")
	}
	return asError(cause)
}
