"""Asks `cairn query` and DuckDB the same of the same history, and compares the answers.

    duckdb_agrees.py CAIRN DATA_DIR

DuckDB reads the Parquet files of DATA_DIR as any engine would, by their documented columns; nothing must
be in the journal alone, so the daemon must have stored all. Rows are compared as sets where a query does
not order them. Prints how many queries agreed, and fails at the first that does not.
"""

import datetime
import json
import subprocess
import sys

import duckdb

# What is asked of cairn, and of DuckDB.
QUERIES = [
    ("SELECT count(*) AS n FROM events", "SELECT count(*) FROM h"),
    (
        "SELECT eventSource, count(*) AS n FROM events GROUP BY eventSource",
        "SELECT event_source, count(*) FROM h GROUP BY 1",
    ),
    (
        "SELECT eventSource, eventName, count(*) AS n FROM events WHERE eventTime > '2020-01-01 00:00:00'"
        " GROUP BY eventSource, eventName ORDER BY n DESC, eventSource, eventName LIMIT 20",
        "SELECT event_source, event_name, count(*) AS n FROM h WHERE event_time > '2020-01-01 00:00:00Z'"
        " GROUP BY 1, 2 ORDER BY n DESC, 1, 2 LIMIT 20",
    ),
    (
        "SELECT userIdentity.arn, errorCode, count(*) AS n FROM events WHERE errorCode IS NOT NULL GROUP BY 1, 2",
        "SELECT user_identity.arn, error_code, count(*) FROM h WHERE error_code IS NOT NULL GROUP BY 1, 2",
    ),
    (
        "SELECT eventID, element_at(requestParameters, 'bucketName') AS b FROM events WHERE eventName LIKE '%Bucket%'",
        "SELECT event_id, event_json->'requestParameters'->>'bucketName' FROM h WHERE event_name LIKE '%Bucket%'",
    ),
    (
        "SELECT date_trunc('day', eventTime) AS day, count(*) AS n FROM events GROUP BY 1",
        "SELECT date_trunc('day', event_time AT TIME ZONE 'UTC'), count(*) FROM h GROUP BY 1",
    ),
    (
        "SELECT min(eventTime) AS a, max(eventTime) AS z FROM events",
        "SELECT min(event_time), max(event_time) FROM h",
    ),
    (
        "SELECT userIdentity.type, count(DISTINCT userIdentity.arn) AS n FROM events GROUP BY 1",
        "SELECT user_identity.type, count(DISTINCT user_identity.arn) FROM h GROUP BY 1",
    ),
    (
        "SELECT userIdentity.sessionContext.sessionIssuer.userName, count(*) AS n FROM events GROUP BY 1",
        "SELECT user_identity.session_context.session_issuer.user_name, count(*) FROM h GROUP BY 1",
    ),
    (
        "SELECT userIdentity.sessionContext.attributes.mfaAuthenticated,"
        " max(userIdentity.sessionContext.attributes.creationDate) AS last FROM events GROUP BY 1",
        "SELECT user_identity.session_context.attributes.mfa_authenticated,"
        " max(user_identity.session_context.attributes.creation_date) FROM h GROUP BY 1",
    ),
    (
        "SELECT eventID, eventTime FROM events ORDER BY eventTime DESC, eventID LIMIT 50",
        "SELECT event_id, event_time FROM h ORDER BY event_time DESC, event_id LIMIT 50",
    ),
    (
        "SELECT readOnly, managementEvent, count(*) AS n FROM events GROUP BY 1, 2",
        "SELECT read_only, management_event, count(*) FROM h GROUP BY 1, 2",
    ),
    (
        "SELECT awsRegion, count_if(errorCode IS NOT NULL) AS errors FROM events GROUP BY awsRegion HAVING count(*) > 5",
        "SELECT aws_region, count_if(error_code IS NOT NULL) FROM h GROUP BY 1 HAVING count(*) > 5",
    ),
    (
        "SELECT hour(eventTime) AS hour, day_of_week(eventTime) AS d, count(*) AS n FROM events GROUP BY 1, 2",
        "SELECT hour(event_time AT TIME ZONE 'UTC'), isodow(event_time AT TIME ZONE 'UTC'), count(*) FROM h GROUP BY 1, 2",
    ),
    (
        "SELECT eventID, resources[1].arn, cardinality(resources) AS n FROM events WHERE cardinality(resources) > 0",
        "SELECT event_id, resources[1].arn, len(resources) FROM h WHERE len(resources) > 0",
    ),
    (
        "SELECT r.type, count(*) AS n FROM (SELECT unnest(resources) AS r FROM events) GROUP BY 1",
        "SELECT r.type, count(*) FROM (SELECT unnest(resources) AS r FROM h) GROUP BY 1",
    ),
    (
        "SELECT eventID, json_extract_scalar(eventJson, '$.requestParameters.instancesSet.items[0].instanceId') AS i"
        " FROM events WHERE eventSource = 'ec2.amazonaws.com'",
        "SELECT event_id, event_json->>'$.requestParameters.instancesSet.items[0].instanceId'"
        " FROM h WHERE event_source = 'ec2.amazonaws.com'",
    ),
    (
        "SELECT eventName FROM events WHERE readOnly EXCEPT SELECT eventName FROM events WHERE errorCode IS NOT NULL",
        "SELECT event_name FROM h WHERE read_only EXCEPT SELECT event_name FROM h WHERE error_code IS NOT NULL",
    ),
    (
        "SELECT a.eventName, count(*) AS n FROM events a JOIN events b ON a.userIdentity.accessKeyId = b.userIdentity.accessKeyId"
        " AND a.eventTime < b.eventTime WHERE b.errorCode = 'AccessDenied' GROUP BY 1",
        "SELECT a.event_name, count(*) FROM h a JOIN h b ON a.user_identity.access_key_id = b.user_identity.access_key_id"
        " AND a.event_time < b.event_time WHERE b.error_code = 'AccessDenied' GROUP BY 1",
    ),
    (
        "SELECT eventID, row_number() OVER (PARTITION BY eventSource ORDER BY eventTime, eventID) AS n FROM events"
        " WHERE eventID IS NOT NULL",
        "SELECT event_id, row_number() OVER (PARTITION BY event_source ORDER BY event_time, event_id) FROM h"
        " WHERE event_id IS NOT NULL",
    ),
    (
        "SELECT sourceIPAddress, regexp_extract(userAgent, '^[A-Za-z0-9]+') AS tool, count(*) AS n FROM events GROUP BY 1, 2",
        "SELECT source_ip_address, nullif(regexp_extract(user_agent, '^[A-Za-z0-9]+'), ''), count(*) FROM h GROUP BY 1, 2",
    ),
    (
        "SELECT eventType, avg(length(eventJson)) AS mean, sum(length(eventJson)) AS all FROM events GROUP BY 1",
        "SELECT event_type, avg(length(event_json)), sum(length(event_json))::BIGINT FROM h GROUP BY 1",
    ),
    (
        "SELECT eventVersion, coalesce(tlsDetails.tlsVersion, 'none') AS tls, count(*) AS n FROM events GROUP BY 1, 2",
        "SELECT event_version, coalesce(tls_details.tls_version, 'none'), count(*) FROM h GROUP BY 1, 2",
    ),
    (
        "SELECT date_diff('day', min(eventTime), max(eventTime)) AS days FROM events WHERE recipientAccountId IS NOT NULL",
        "SELECT (epoch_ms(max(event_time)) - epoch_ms(min(event_time))) // 86400000 FROM h WHERE recipient_account_id IS NOT NULL",
    ),
    (
        "SELECT count(*) AS n FROM events WHERE eventJson LIKE '%AKIA%' AND userIdentity.userName IN ('root', 'bob', 'amy')"
        " OR userIdentity.type = 'Root'",
        "SELECT count(*) FROM h WHERE event_json LIKE '%AKIA%' AND user_identity.user_name IN ('root', 'bob', 'amy')"
        " OR user_identity.type = 'Root'",
    ),
]


def plain(value):
    """A value as both engines' values can be compared."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo:
            value = value.astimezone(datetime.timezone.utc)
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"
    if isinstance(value, float):
        return f"{value:.6f}"
    return value


def main():
    cairn, data_dir = sys.argv[1:]
    other = duckdb.connect(config={"threads": 2})
    other.execute("SET TimeZone = 'UTC'")
    other.execute(f"CREATE VIEW h AS SELECT * FROM read_parquet('{data_dir}/history/*.parquet')")
    rows_seen = 0
    for ours, theirs in QUERIES:
        command = [cairn, "query", "--data-dir", data_dir, "--json", ours]
        said = subprocess.run(command, capture_output=True, text=True)
        if said.returncode:
            sys.exit(f"{ours}\n{said.stderr}")
        mine = [[plain(value) for value in row.values()] for row in json.loads(said.stdout)]
        yours = [[plain(value) for value in row] for row in other.execute(theirs).fetchall()]
        if "LIMIT" not in ours:
            mine.sort(key=repr)
            yours.sort(key=repr)
        if mine != yours:
            differ = [pair for pair in zip(mine, yours) if pair[0] != pair[1]][:3]
            sys.exit(f"{ours}\n{len(mine)} and {len(yours)} rows, which differ: {differ}")
        rows_seen += len(mine)
    print(f"{len(QUERIES)} queries agree, in {rows_seen} rows")


if __name__ == "__main__":
    main()
