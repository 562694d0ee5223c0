package worker

import "io"

const sqliteMagic = "SQLite format 3\x00"

func readSQLite(src *io.SectionReader, table string, out *emitter) error { return faulted("format") }
