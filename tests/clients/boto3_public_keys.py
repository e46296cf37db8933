"""ListPublicKeys by boto3, by the aws command line, and by the part of it that validates logs.

CAIRN_KEYS says which keys there are: a Region, how many days ago it signed, and its fingerprint.
"""

import hashlib
import os
from datetime import datetime, timedelta, timezone

import rsa
from aws_cli import CommandLine
from awscli.customizations.cloudtrail.validation import PublicKeyProvider
from botocore.exceptions import ClientError
from support import HOME, OTHER, THIRD, Case

DAY = timedelta(days=1)
KEYS = [line.split() for line in os.environ["CAIRN_KEYS"].splitlines()]


def fingerprint(region, days):
    [found] = [one for of, ago, one in KEYS if (of, int(ago)) == (region, days)]
    return found


def now():
    return datetime.now(timezone.utc)


class PublicKeys(Case):
    def listed(self, region=HOME, **times):
        return self.account.cloudtrail(region).list_public_keys(**times)["PublicKeyList"]

    def fingerprints(self, region=HOME, **times):
        return [key["Fingerprint"] for key in self.listed(region, **times)]

    def test_a_key_is_pkcs1_with_the_md5_of_it_and_a_validity_of_30_days(self):
        [key] = self.listed()
        self.assertEqual(set(key), {"Value", "Fingerprint", "ValidityStartTime", "ValidityEndTime"})
        self.assertEqual(hashlib.md5(key["Value"]).hexdigest(), key["Fingerprint"])
        public = rsa.PublicKey.load_pkcs1(key["Value"], format="DER")
        self.assertEqual((public.n.bit_length(), public.e), (2048, 65537))
        self.assertEqual(key["ValidityEndTime"] - key["ValidityStartTime"], 30 * DAY)
        self.assertTrue(key["ValidityStartTime"] < now() < key["ValidityEndTime"])

    def test_a_region_lists_its_own_keys(self):
        self.assertEqual(self.fingerprints(), [fingerprint(HOME, 0)])
        self.assertEqual(self.fingerprints(OTHER), [fingerprint(OTHER, 0)])
        self.assertEqual(self.fingerprints(THIRD), [])

    def test_old_keys_are_listed_for_their_time(self):
        then = now() - 100 * DAY
        self.assertEqual(self.fingerprints(StartTime=then, EndTime=then), [fingerprint(HOME, 100)])
        both = [fingerprint(HOME, 100), fingerprint(HOME, 0)]
        self.assertEqual(self.fingerprints(StartTime=then), both)
        self.assertEqual(self.fingerprints(StartTime=then, EndTime=now() + DAY), both)
        long_ago = now() - 1000 * DAY
        self.assertEqual(self.fingerprints(StartTime=long_ago, EndTime=long_ago), [])

    def test_all_are_on_one_page_and_a_token_is_passed_over(self):
        pages = list(self.cloudtrail.get_paginator("list_public_keys").paginate())
        self.assertEqual(len(pages), 1)
        self.assertNotIn("NextToken", pages[0])
        answer = self.cloudtrail.list_public_keys(NextToken="invalid")
        self.assertEqual(len(answer["PublicKeyList"]), 1)

    def test_a_start_after_the_end_is_refused(self):
        with self.assertRaises(ClientError) as caught:
            self.listed(StartTime=now(), EndTime=now() - DAY)
        self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidTimeRangeException")
        with self.assertRaises(self.cloudtrail.exceptions.InvalidTimeRangeException):
            self.listed(EndTime=now() - DAY)

    def test_validate_logs_finds_the_keys_that_it_asks_for(self):
        provider = PublicKeyProvider(self.cloudtrail)
        found = provider.get_public_keys(now() - 101 * DAY, now() + timedelta(hours=2))
        self.assertEqual(set(found), {fingerprint(HOME, 100), fingerprint(HOME, 0)})
        for one, key in found.items():
            self.assertEqual(key["Fingerprint"], one)


class PublicKeysByCommandLine(CommandLine):
    def test_list_public_keys(self):
        [key] = self.aws("list-public-keys")["PublicKeyList"]
        self.assertEqual(key["Fingerprint"], fingerprint(HOME, 0))
        for form in ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S.5+00:00"]:
            then = (now() - 100 * DAY).strftime(form)
            times = ["--start-time", then, "--end-time", then]
            [key] = self.aws("list-public-keys", *times)["PublicKeyList"]
            self.assertEqual(key["Fingerprint"], fingerprint(HOME, 100), form)
        self.assertEqual(self.aws("list-public-keys", region=THIRD), {"PublicKeyList": []})

    def test_a_start_after_the_end_is_refused(self):
        self.fails(
            "ListPublicKeys",
            "InvalidTimeRangeException",
            "list-public-keys",
            "--start-time",
            "2026-03-09T14:05:07Z",
            "--end-time",
            "2026-03-09T14:05:06Z",
        )
