"""Records what DuckDB 1.5.5 parses, for TestCorpus.

    python -m pip install duckdb==1.5.5
    python query/ast/testdata/record.py

Reads every "sql" and "print" of statements.jsonl and writes the engine's
json_serialize_sql document of each to trees.jsonl.gz. After adding a statement:
record, `go test ./query/ast -run TestCorpus -update`, review the diff of
statements.jsonl, record again.
"""

import gzip
import json
import pathlib

import duckdb

assert duckdb.__version__ == "1.5.5", duckdb.__version__
here = pathlib.Path(__file__).parent
engine = duckdb.connect()
trees = {}
for line in (here / "statements.jsonl").read_text().splitlines():
    statement = json.loads(line)
    for sql in (statement["sql"], statement.get("print")):
        if sql is not None and sql not in trees:
            trees[sql] = engine.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()[0]
with gzip.GzipFile(here / "trees.jsonl.gz", "wb", 9, mtime=0) as out:
    for sql, tree in sorted(trees.items()):
        out.write((json.dumps({"sql": sql, "tree": tree}, ensure_ascii=False) + "\n").encode())
print(len(trees), "trees")
