package query

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"zonebox/registry"
	"zonebox/workflow"
)

// noteID names what a move of a course keeps: of which instance, which step from one
// on, by whom. What is sealed under it opens as nothing else.
func noteID(id string, step int, move, user, org string) string {
	return strings.Join([]string{id, strconv.Itoa(step), move, user, org}, "/")
}

// noteBox is where a machine's notes are sealed, and what people call their record.
type noteBox struct{ name, zh, en string }

var (
	requestNotes   = noteBox{"request", "数据申请的办理记录", "the record of a data request"}
	agreementNotes = noteBox{"agreement", "协议办理记录", "the record of the course of a license"}
	catalogueNotes = noteBox{"catalogue", "目录条目的办理记录", "the record of a catalogue entry"}
	alertNotes     = noteBox{"alert", "告警的办理记录", "the record of an alert"}
)

// notesOf opens what the moves of a course keep: one note for each move, the zero one
// for a move that keeps nothing.
func notesOf[N any](e *Engine, box noteBox, in workflow.Instance) ([]N, error) {
	notes := make([]N, len(in.History))
	for i, s := range in.History {
		if len(s.Text) == 0 {
			continue
		}
		text, err := e.registry.Unseal(box.name, noteID(in.ID, i+1, s.Move, s.User, s.Org), s.Text)
		if err != nil {
			return nil, fail("DATA_DAMAGED", err).because(box.zh, box.en)
		}
		if err := json.Unmarshal(text, &notes[i]); err != nil {
			return nil, fmt.Errorf("query: note %d of %s: %w", i+1, in.ID, registry.ErrCorrupt)
		}
	}
	return notes, nil
}

// sealedNote seals what the next move of a course, by s, keeps.
func sealedNote[N any](e *Engine, box noteBox, in workflow.Instance, move string, s Subject, note N) ([]byte, error) {
	text, err := json.Marshal(note)
	if err != nil {
		return nil, err
	}
	return e.registry.Seal(box.name, noteID(in.ID, len(in.History)+1, move, s.user, s.organization), text)
}
