package sandbox

// Open reports whether the column is not closed.
func Open(c *Sealed) bool {
	_, err := c.file.Stat()
	return err == nil
}
