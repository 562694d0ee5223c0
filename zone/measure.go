package zone

// Measure writes the rows appended so far and returns what they look like and how
// many bytes they take on disk: what Commit would keep of the delivery, before the
// rows of a base. Append no more rows afterwards.
func (l *Load) Measure() (Stats, int64, error) {
	if err := l.ready(); err != nil {
		return Stats{}, 0, err
	}
	if l.pendingRows > 0 {
		if err := l.flush(); err != nil {
			l.broken = err
			return Stats{}, 0, err
		}
	}
	var size int64
	for _, c := range l.manifest.Columns {
		for _, chunk := range c.Chunks {
			size += chunk.Size
		}
	}
	return l.stats(), size, nil
}
