"""LookupEvents by boto3 and the aws command line, while events arrive."""

import json
import os
import threading
import urllib.request
import uuid
from datetime import datetime, timedelta, timezone

from aws_cli import CommandLine
from support import CAIRN, HOME, OTHER, Account, Case, body, iso
from wire import Requests

DAY = timedelta(days=1)
MANAGEMENT, *MEMBERS = os.environ["CAIRN_ORGANIZATION"].split()
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"


def now():
    """As events tell the time: whole seconds."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def send(*records):
    """Sends records, all of which must be recorded when this returns."""
    lines = "\n".join(json.dumps(record) for record in records).encode()
    request = urllib.request.Request(CAIRN + "/v1/events", lines)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as answer:
        assert json.load(answer)["recorded"] == len(records)


def by(key, value):
    return [{"AttributeKey": key, "AttributeValue": value}]


def ids(answer):
    return [event["EventId"] for event in answer["Events"]]


class Lookup(Case):
    def record(self, account=None, region=HOME, time=None, **members):
        return {
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "userName": "amy"},
            "eventTime": iso(time or now()),
            "eventSource": "kms.amazonaws.com",
            "eventName": "CreateKey",
            "awsRegion": region,
            "readOnly": False,
            "eventID": str(uuid.uuid4()),
            "managementEvent": True,
            "recipientAccountId": (account or self.account).number,
            "eventCategory": "Management",
        } | members

    def happen(self, *args, **members):
        """One event; gives its id."""
        record = self.record(*args, **members)
        send(record)
        return record["eventID"]

    def found(self, account=None, region=HOME, **members):
        """The ids that are found, of all pages."""
        pages = (account or self.account).cloudtrail(region).get_paginator("lookup_events")
        return ids(pages.paginate(**members).build_full_result())


class WhatIsFound(Lookup):
    def test_an_event_is_found_by_each_attribute_as_soon_as_it_is_acknowledged(self):
        identity = {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE1:session",
            "accessKeyId": "ASIAEXAMPLE1",
        }
        request = {"keyId": KEY}
        other = self.happen(eventName="Other", eventSource="s3.amazonaws.com", readOnly=True)
        mine = self.happen(userIdentity=identity, requestParameters=request)
        for key, value in [
            ("EventId", mine),
            ("EventName", "CreateKey"),
            ("EventSource", "kms.amazonaws.com"),
            ("ReadOnly", "false"),
            ("Username", "session"),
            ("AccessKeyId", "ASIAEXAMPLE1"),
            ("ResourceName", KEY),
            ("ResourceType", "AWS::KMS::Key"),
        ]:
            with self.subTest(key):
                answer = self.cloudtrail.lookup_events(LookupAttributes=by(key, value))
                self.assertEqual(ids(answer), [mine])
                self.assertNotIn("NextToken", answer)
        # Only what is looked up is found: the lookups before are events, too.
        self.assertEqual(self.found(LookupAttributes=by("EventName", "Other")), [other])
        for key in ["EventName", "Username", "ResourceType"]:
            answer = body(self.cloudtrail.lookup_events(LookupAttributes=by(key, "none")))
            self.assertEqual(answer, {"Events": []})

    def test_an_event_is_shown_with_its_whole_record(self):
        record = self.record(requestParameters={"keyId": KEY, "text": 'say "é" \\ 東京'})
        send(record)
        answer = self.cloudtrail.lookup_events(LookupAttributes=by("Username", "amy"))
        [event] = answer["Events"]
        self.assertEqual(json.loads(event.pop("CloudTrailEvent")), record)
        self.assertEqual(event.pop("EventTime"), datetime.fromisoformat(record["eventTime"]))
        self.assertEqual(
            event,
            {
                "EventId": record["eventID"],
                "EventName": "CreateKey",
                "ReadOnly": "false",
                "EventSource": "kms.amazonaws.com",
                "Username": "amy",
                "Resources": [{"ResourceType": "AWS::KMS::Key", "ResourceName": KEY}],
            },
        )

    def test_calls_of_the_api_are_events(self):
        name = self.account.bucket()
        self.account.trail("trail", bucket=name)
        answer = self.cloudtrail.lookup_events(LookupAttributes=by("EventName", "CreateTrail"))
        [event] = answer["Events"]
        names = {resource["ResourceName"] for resource in event["Resources"]}
        self.assertLessEqual({"trail", self.account.trail_arn("trail"), name}, names)
        self.assertEqual((event["Username"], event["ReadOnly"]), ("root", "false"))
        # The lookup itself is one by now, with its parameters as CloudTrail records them.
        start = now() - DAY
        self.cloudtrail.lookup_events(LookupAttributes=by("Username", "x"), StartTime=start)
        answer = self.cloudtrail.lookup_events(LookupAttributes=by("EventName", "LookupEvents"))
        record = json.loads(answer["Events"][0]["CloudTrailEvent"])
        attributes = [{"attributeKey": "Username", "attributeValue": "x"}]
        parameters = {"lookupAttributes": attributes, "startTime": iso(start)}
        self.assertEqual(record["requestParameters"], parameters)
        self.assertIsNone(record["responseElements"])

    def test_a_range_of_time_holds_both_of_its_ends(self):
        begin = now()
        times = [begin - timedelta(minutes=minutes) for minutes in range(4)]
        events = [self.happen(time=time) for time in times]
        looked_up = by("EventName", "CreateKey")
        for start, end, expected in [
            (None, None, events),
            (times[2], None, events[:3]),
            (None, times[1], events[1:]),
            (times[2], times[1], events[1:3]),
            (times[3], times[3], events[3:]),
        ]:
            members = {"StartTime": start, "EndTime": end}
            members = {name: time for name, time in members.items() if time}
            self.assertEqual(self.found(LookupAttributes=looked_up, **members), expected)

    def test_ninety_days_are_looked_up_unless_a_start_says_more(self):
        recent = self.happen(time=now() - 89 * DAY)
        looked_up = by("EventName", "CreateKey")
        self.assertEqual(self.found(LookupAttributes=looked_up), [recent])
        start = now() - 120 * DAY
        self.assertEqual(self.found(LookupAttributes=looked_up, StartTime=start), [recent])

    def test_accounts_regions_and_categories_are_apart(self):
        stranger = Account()
        mine = self.happen()
        elsewhere = self.happen(region=OTHER)
        theirs = self.happen(stranger)
        about = {"eventSource": "ssm.amazonaws.com", "eventName": "PutParameter"}
        insight = self.record(eventCategory="Insight", insightDetails=about)
        for name in ["eventName", "eventSource", "readOnly", "userIdentity", "managementEvent"]:
            del insight[name]
        send(insight)
        looked_up = by("EventName", "CreateKey")
        self.assertEqual(self.found(LookupAttributes=looked_up), [mine])
        self.assertEqual(self.found(region=OTHER, LookupAttributes=looked_up), [elsewhere])
        self.assertEqual(self.found(stranger, LookupAttributes=looked_up), [theirs])
        for key, value in [
            ("EventId", insight["eventID"]),
            ("EventName", "PutParameter"),
            ("EventSource", "ssm.amazonaws.com"),
        ]:
            found = self.found(EventCategory="insight", LookupAttributes=by(key, value))
            self.assertEqual(found, [insight["eventID"]])
        [event] = self.cloudtrail.lookup_events(EventCategory="insight")["Events"]
        self.assertEqual(event["EventName"], "PutParameter")
        self.assertNotIn("ReadOnly", event)


class Pages(Lookup):
    def test_pages_hold_fifty_or_as_many_as_are_wanted(self):
        start = now()
        records = [self.record(time=start - timedelta(seconds=n)) for n in range(120)]
        send(*records)
        expected = [record["eventID"] for record in records]
        paginator = self.cloudtrail.get_paginator("lookup_events")
        for size, sizes in [(None, [50, 50, 20]), (50, [50, 50, 20]), (40, [40, 40, 40]), (1, [1] * 120)]:
            config = {"PageSize": size} if size else {}
            looked_up = by("EventName", "CreateKey")
            pages = list(paginator.paginate(LookupAttributes=looked_up, PaginationConfig=config))
            self.assertEqual([len(page["Events"]) for page in pages], sizes)
            self.assertEqual([one for page in pages for one in ids(page)], expected)
            self.assertNotIn("NextToken", pages[-1])

    def test_nothing_is_lost_or_seen_twice_while_events_arrive(self):
        start = now() - timedelta(hours=1)
        records = [self.record(time=start - timedelta(seconds=n // 7)) for n in range(700)]
        send(*records)
        before = {record["eventID"] for record in records}
        stopping = threading.Event()
        arrived = []

        def arrive():
            while not stopping.is_set():
                records = [self.record() for _ in range(20)]
                arrived.append(records)
                send(*records)

        sender = threading.Thread(target=arrive)
        sender.start()
        try:
            for looked_up in [by("EventName", "CreateKey"), by("ReadOnly", "false"), []]:
                config = {"PageSize": 13}
                pages = self.cloudtrail.get_paginator("lookup_events").paginate(
                    LookupAttributes=looked_up, PaginationConfig=config
                )
                events = [event for page in pages for event in page["Events"]]
                found = [event["EventId"] for event in events]
                times = [event["EventTime"] for event in events]
                self.assertEqual(len(found), len(set(found)), "twice")
                self.assertLessEqual(before, set(found), "lost")
                self.assertEqual(times, sorted(times, reverse=True))
        finally:
            stopping.set()
            sender.join()
        # What arrived is all found in the end, once.
        expected = before.union(record["eventID"] for records in arrived for record in records)
        found = self.found(LookupAttributes=by("EventName", "CreateKey"))
        self.assertEqual((len(found), set(found)), (len(expected), expected))


class Refusals(Lookup):
    def test_what_is_not_valid_is_refused_by_its_exception(self):
        attributes, result = "InvalidLookupAttributesException", "InvalidMaxResultsException"
        token = "InvalidNextTokenException"
        insight = {"EventCategory": "insight"}
        # boto3 refuses some of this itself, unless it is told not to.
        cloudtrail = self.account.cloudtrail(parameter_validation=False)
        self.check_refusals(
            cloudtrail.lookup_events,
            [
                ("two attributes", {"LookupAttributes": 2 * by("EventId", "1")}, attributes),
                ("an unknown key", {"LookupAttributes": by("Region", "1")}, attributes),
                ("another case", {"LookupAttributes": by("eventid", "1")}, attributes),
                ("no value", {"LookupAttributes": by("EventId", "")}, attributes),
                ("a long value", {"LookupAttributes": by("EventId", 2001 * "x")}, attributes),
                ("ReadOnly", {"LookupAttributes": by("ReadOnly", "True")}, attributes),
                ("Insights", insight | {"LookupAttributes": by("Username", "amy")}, attributes),
                ("a category", {"EventCategory": "data"}, "InvalidEventCategoryException"),
                ("none", {"MaxResults": 0}, result),
                ("too many", {"MaxResults": 51}, result),
                ("the future", {"StartTime": now() + DAY}, "InvalidTimeRangeException"),
                (
                    "a start after the end",
                    {"StartTime": now(), "EndTime": now() - DAY},
                    "InvalidTimeRangeException",
                ),
                ("a token that no page had", {"NextToken": "token"}, token),
            ],
        )
        for value in [2000 * "x", 1001 * "_"]:
            answer = self.cloudtrail.lookup_events(LookupAttributes=by("EventName", value))
            self.assertEqual(answer["Events"], [])

    def test_a_token_is_good_for_the_same_parameters_only(self):
        send(*(self.record() for _ in range(3)))
        looked_up = {"LookupAttributes": by("EventName", "CreateKey"), "MaxResults": 1}
        token = self.cloudtrail.lookup_events(**looked_up)["NextToken"]
        again = looked_up | {"NextToken": token}
        self.assertEqual(len(self.cloudtrail.lookup_events(**again)["Events"]), 1)
        invalid = self.cloudtrail.exceptions.InvalidNextTokenException
        for members in [
            again | {"LookupAttributes": by("EventName", "DeleteKey")},
            again | {"StartTime": now() - DAY},
            {"NextToken": token},
        ]:
            with self.assertRaises(invalid):
                self.cloudtrail.lookup_events(**members)
        for cloudtrail in [self.account.cloudtrail(OTHER), Account().cloudtrail()]:
            with self.assertRaises(cloudtrail.exceptions.InvalidNextTokenException):
                cloudtrail.lookup_events(**again)


class BeyondAws(Requests, Lookup):
    """Members that no SDK sends."""

    def look_up(self, account=None, **members):
        self.account = account or self.account
        status, _, text = self.post("LookupEvents", members)
        return status, json.loads(text)

    def test_several_attributes_and_all_regions(self):
        time = now()
        events = [
            self.happen(time=time - timedelta(seconds=1)),
            self.happen(region=OTHER, time=time - timedelta(seconds=2)),
            self.happen(eventName="Other"),
        ]
        both = by("EventName", "CreateKey") + by("Username", "amy")
        status, answer = self.look_up(MatchAll=True, LookupAttributes=both)
        self.assertEqual((status, ids(answer)), (200, events[:1]))
        everywhere = {"MatchAll": True, "LookupAttributes": both, "Regions": ["ALL"]}
        self.assertEqual(ids(self.look_up(**everywhere)[1]), events[:2])
        large = {"Regions": ["ALL"], "MaxResults": 1000}
        self.assertLessEqual(set(events), set(ids(self.look_up(**large)[1])))

    def test_the_organization_s_events_for_those_who_speak_for_it(self):
        name, time = uuid.uuid4().hex, now()
        members = [Account(number) for number in MEMBERS[:2]]
        events = [
            self.happen(account, time=time - timedelta(seconds=n), eventName=name)
            for n, account in enumerate(members)
        ]
        wanted = {"LookupAttributes": by("EventName", name), "AccountIds": ["ALL"]}
        self.assertEqual(ids(self.look_up(Account(MANAGEMENT), **wanted)[1]), events)
        wanted["AccountIds"] = MEMBERS[1:2]
        self.assertEqual(ids(self.look_up(Account(MANAGEMENT), **wanted)[1]), events[1:])
        for account in [members[0], Account()]:
            status, answer = self.look_up(account, **wanted)
            self.assertEqual((status, answer["__type"]), (400, "AccessDeniedException"))


class ByCommandLine(CommandLine, Lookup):
    def attribute(self, key, value):
        return ["lookup-events", "--lookup-attributes", f"AttributeKey={key},AttributeValue={value}"]

    def test_lookup_events(self):
        time = now()
        events = [self.happen(time=time - timedelta(seconds=n)) for n in range(5)]
        command = self.attribute("EventName", "CreateKey")
        self.assertEqual(ids(self.aws(*command)), events)
        self.assertEqual(ids(self.aws(*command, "--page-size", "2")), events)
        first = self.aws(*command, "--max-items", "3")
        rest = self.aws(*command, "--starting-token", first["NextToken"])
        self.assertEqual(ids(first) + ids(rest), events)
        shown = ["--query", "Events[].Resources[]", "--max-results", "1"]
        self.assertEqual(self.aws(*command, *shown), [])
        since = (now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
        times = ["--start-time", since, "--end-time", iso(now())]
        self.assertEqual(ids(self.aws(*command, *times)), events)
        none = self.aws("lookup-events", "--event-category", "insight")
        self.assertEqual(none, {"Events": []})

    def test_what_is_not_valid_ends_with_255(self):
        command = self.attribute("ReadOnly", "True")
        text = self.fails("LookupEvents", "InvalidLookupAttributesException", *command)
        self.assertEqual(text, "The AttributeValue of ReadOnly must be true or false.")
        self.fails("LookupEvents", "InvalidMaxResultsException", "lookup-events", "--max-results", "51")
