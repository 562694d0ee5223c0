package query

import "context"

// Asked returns how many questions of a person, and of an operator's people, policy counts.
func Asked(ctx context.Context, e *Engine, person, operator string) (of, all int64, err error) {
	h, err := e.history(ctx, person, operator)
	if err != nil {
		return 0, 0, err
	}
	return h.Queries24h, h.Operator1h, nil
}
