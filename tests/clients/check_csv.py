"""Reads a download of the history as CSV, and holds it against the same download as JSON.

    check_csv.py EVENTS.csv EVENTS.json

Both are read by Python's own modules: rows and records must be the same, and no cell a formula.
"""

import csv
import json
import re
import sys

MEMBERS = {
    "Event time": "eventTime",
    "Event source": "eventSource",
    "Event name": "eventName",
    "AWS region": "awsRegion",
    "Source IP address": "sourceIPAddress",
    "User agent": "userAgent",
    "Error code": "errorCode",
    "Error message": "errorMessage",
    "Request ID": "requestID",
    "Event ID": "eventID",
    "Event type": "eventType",
    "Event category": "eventCategory",
    "Recipient account": "recipientAccountId",
}
FIRST = [
    "User name", "AWS access key", "Event time", "Event source", "Event name", "AWS region",
    "Source IP address", "User agent",
]


def said(cell):
    """What the record says, from a cell: one apostrophe in front of each part is the download's."""
    return re.sub(r"(^|[;\t\r\n])'", r"\1", cell)


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    with open(sys.argv[2], encoding="utf-8") as file:
        records = json.load(file)["Records"]
    assert list(rows[0])[: len(FIRST)] == FIRST, list(rows[0])
    assert len(rows) == len(records), (len(rows), len(records))
    defused = 0
    for row, record in zip(rows, records):
        assert None not in row and None not in row.values(), row
        for column, member in MEMBERS.items():
            assert said(row[column]) == (record.get(member) or ""), (column, row, record)
        assert row["Read-only"] == json.dumps(record["readOnly"]), row
        json.loads(row["Resources"])
        for cell in row.values():
            assert not cell.lstrip().startswith(("=", "+", "-", "@")), row
            assert not cell.startswith(("\t", "\r", "\n")), row
            assert not re.search(r'[;\t\r\n][\s"]*[=+\-@]', cell), row
            defused += cell.startswith("'")
    print(json.dumps({"rows": len(rows), "defused": defused}))


main()
