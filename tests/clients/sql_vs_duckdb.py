"""Ten aggregations over one history, by `cairn query` and by DuckDB: total time over total time.

    sql_vs_duckdb.py CAIRN DATA_DIR_OR_FOLDER [ROUNDS]

CAIRN is a release binary with the feature sql. The figure is the sum of the best times of ROUNDS (3) each, as
`name value unit` on stdout; single ones go to stderr. Cairn's times are of whole processes, from start to
end, with the files opened and their footers read; DuckDB's are of the query alone, on a connection that
is open and knows the files.
"""

import pathlib
import subprocess
import sys
import time

import duckdb

QUERIES = {
    "by name": (
        "SELECT eventName, count(*) FROM events GROUP BY 1",
        "SELECT event_name, count(*) FROM h GROUP BY 1",
    ),
    "errors by caller": (
        "SELECT userIdentity.arn, count(*) AS n FROM events WHERE errorCode IS NOT NULL GROUP BY 1 ORDER BY n DESC LIMIT 20",
        "SELECT user_identity.arn, count(*) AS n FROM h WHERE error_code IS NOT NULL GROUP BY 1 ORDER BY n DESC LIMIT 20",
    ),
    "by day and source": (
        "SELECT date_trunc('day', eventTime), eventSource, count(*) FROM events GROUP BY 1, 2",
        "SELECT date_trunc('day', event_time), event_source, count(*) FROM h GROUP BY 1, 2",
    ),
    "addresses by account": (
        "SELECT recipientAccountId, count(DISTINCT sourceIPAddress) FROM events GROUP BY 1",
        "SELECT recipient_account_id, count(DISTINCT source_ip_address) FROM h GROUP BY 1",
    ),
    "writes by region": (
        "SELECT awsRegion, count_if(NOT readOnly) FROM events GROUP BY 1",
        "SELECT aws_region, count_if(NOT read_only) FROM h GROUP BY 1",
    ),
    "first and last by key": (
        "SELECT userIdentity.accessKeyId, min(eventTime), max(eventTime) FROM events GROUP BY 1 ORDER BY 3 DESC LIMIT 50",
        "SELECT user_identity.access_key_id, min(event_time), max(event_time) FROM h GROUP BY 1 ORDER BY 3 DESC LIMIT 50",
    ),
    "refusals by name and code": (
        "SELECT eventName, errorCode, count(*) FROM events WHERE errorCode LIKE '%Denied%' GROUP BY 1, 2",
        "SELECT event_name, error_code, count(*) FROM h WHERE error_code LIKE '%Denied%' GROUP BY 1, 2",
    ),
    "by hour": (
        "SELECT hour(eventTime), count(*) FROM events GROUP BY 1",
        "SELECT hour(event_time), count(*) FROM h GROUP BY 1",
    ),
    "agents": (
        "SELECT userAgent, count(*) AS n, count(DISTINCT userIdentity.arn) FROM events GROUP BY 1 ORDER BY n DESC LIMIT 20",
        "SELECT user_agent, count(*) AS n, count(DISTINCT user_identity.arn) FROM h GROUP BY 1 ORDER BY n DESC LIMIT 20",
    ),
    "a parameter of one operation": (
        "SELECT element_at(requestParameters, 'bucketName') AS b, count(*) AS n FROM events WHERE eventName = 'GetObject' GROUP BY 1 ORDER BY n DESC LIMIT 20",
        "SELECT event_json->'requestParameters'->>'bucketName' AS b, count(*) AS n FROM h WHERE event_name = 'GetObject' GROUP BY 1 ORDER BY n DESC LIMIT 20",
    ),
}


def best(rounds, act):
    """The shortest of some runs, in seconds."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        act()
        times.append(time.perf_counter() - begun)
    return min(times)


def main():
    cairn, place, *more = sys.argv[1:]
    rounds = int(more[0]) if more else 3
    is_data_dir = (pathlib.Path(place) / "history/manifest.json").exists()
    flag, folder = ("--data-dir", f"{place}/history") if is_data_dir else ("--from", place)
    other = duckdb.connect()
    other.execute(f"CREATE VIEW h AS SELECT * FROM read_parquet('{folder}/*.parquet')")
    ours, theirs = 0.0, 0.0
    for name, (mine, yours) in QUERIES.items():
        command = [cairn, "query", flag, place, "--output", "ndjson", mine]
        one = best(rounds, lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
        two = best(rounds, lambda: other.execute(yours).fetchall())
        print(f"{name}: cairn {one * 1000:.0f} ms, DuckDB {two * 1000:.0f} ms", file=sys.stderr)
        ours += one
        theirs += two
    print(f"sql_vs_duckdb {ours / theirs:.2f} ratio")


if __name__ == "__main__":
    main()
