"""The peers of `bench delta`: python delta.py duckdb|polars FOLDER

Compares v1.csv.gz and v2.csv.gz in the folder, writes the rows that came, changed or went as CSV beside them, and prints
what it found and took: inserts, updates, deletes, wall ms, CPU ms, peak KiB. Imports are not counted.
"""

import os
import sys
import time

COLUMNS = "PK,name,email,city,country,street,amount,reference,status,created_at,updated_at,note".split(",")


def with_duckdb(folder, result):
    """The best of several queries: joins on key and hash of the row, and holds whole rows of neither side."""
    import duckdb

    begin = start()
    db = duckdb.connect()
    db.execute("SET preserve_insertion_order = false")
    db.execute(f"SET temp_directory = '{folder}/duckdb'")
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    types = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS) + "}"
    read = lambda version: f"read_csv('{folder}/v{version}.csv.gz', header = true, auto_detect = false, delim = ',', " \
        f"""quote = '"', escape = '"', new_line = '\\n', columns = {types})"""
    db.execute(
        f"""COPY (
            SELECT CASE WHEN p.key IS NULL THEN 'INSERT' WHEN n.key IS NULL THEN 'DELETE' ELSE 'UPDATE' END AS operation,
                   p.key AS gone, n.*
            FROM (SELECT PK AS key, hash({columns}) AS row FROM {read(1)}) p
            FULL JOIN (SELECT PK AS key, hash({columns}) AS row, {columns} FROM {read(2)}) n ON p.key = n.key
            WHERE p.row IS DISTINCT FROM n.row
        ) TO '{result}'"""
    )
    return begin


def with_polars(folder, result):
    import polars

    begin = start()
    read = lambda version: polars.scan_csv(f"{folder}/v{version}.csv.gz", infer_schema=False).with_columns(
        polars.struct(polars.all()).hash().alias("row")
    )
    previous, after = read(1).select("PK", "row"), read(2)
    joined = after.join(previous, on="PK", how="full", suffix="_before")
    changed = joined.filter(polars.col("row").ne_missing(polars.col("row_before")))
    operation = (
        polars.when(polars.col("PK_before").is_null()).then(polars.lit("INSERT"))
        .when(polars.col("PK").is_null()).then(polars.lit("DELETE"))
        .otherwise(polars.lit("UPDATE"))
    )
    changed.select(operation.alias("operation"), polars.all()).sink_csv(result)
    return begin


def start():
    times = os.times()
    return time.perf_counter(), times.user + times.system


def main():
    name, folder = sys.argv[1:]
    result = f"{folder}/{name}.csv"
    wall, cpu = {"duckdb": with_duckdb, "polars": with_polars}[name](folder, result)
    wall_end, cpu_end = start()
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
    counts = dict.fromkeys(["INSERT", "UPDATE", "DELETE"], 0)
    # Notes have line feeds, no note begins with one of these words.
    with open(result) as lines:
        for line in lines:
            word = line.split(",", 1)[0]
            if word in counts:
                counts[word] += 1
    print(*counts.values(), round((wall_end - wall) * 1000), round((cpu_end - cpu) * 1000), peak)


main()
