package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

func questionParts(question string) []string { return []string{"answered question", question} }

// SetAnswered notes that run answers question, a keyed digest, from here on, or waits to.
func (tx *Tx) SetAnswered(question, run string) error {
	body, err := tx.r.sealRow(run, questionParts(question)...)
	if err != nil {
		return err
	}
	_, err = tx.sql.ExecContext(tx.ctx, `INSERT INTO answered_questions (question, body) VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body`, question, body)
	if err != nil {
		return fmt.Errorf("registry: store what %s answers: %w", run, err)
	}
	return nil
}

// AnsweredBy returns the run that answers question, "" if none does.
func (r *Registry) AnsweredBy(ctx context.Context, question string) (run string, err error) {
	var body []byte
	err = r.reader.QueryRowContext(ctx, `SELECT body FROM answered_questions WHERE question = ?`, question).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("registry: read what answers a question: %w", err)
	}
	return run, r.openRow(body, &run, questionParts(question)...)
}
