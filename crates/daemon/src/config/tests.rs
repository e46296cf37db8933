//! The configuration by example: what is read of good files, and what is said of bad ones.

use std::path::Path;

use expect_test::{Expect, expect};

use super::*;

const SAMPLE: &str = include_str!("../../../../deploy/cairn.toml");
/// A trail that is right; line 1 is its header.
const TRAIL: &str =
    "[[trails]]\nname = 'all'\naccount = '111111111111'\nregion = 'eu-west-1'\nbucket = 'logs'\n";

fn parse(text: &str, variables: &[(&str, &str)], flags: &Flags) -> Result<Settings, ConfigError> {
    let variables = variables.iter().copied();
    Settings::parse(text, "cairn.toml", variables, flags, Some(Path::new("/data")))
}

#[allow(clippy::needless_pass_by_value)] // tables read better without an & before each expect!
fn check(text: &str, expected: Expect) {
    check_with(text, &[], &Flags::default(), &expected);
}

fn check_with(text: &str, variables: &[(&str, &str)], flags: &Flags, expected: &Expect) {
    match parse(text, variables, flags) {
        Ok(settings) => expected.assert_eq(&format!("{settings:#?}")),
        Err(error) => {
            let lines = error.mistakes.iter().map(|mistake| format!("{mistake}\n"));
            expected.assert_eq(&lines.collect::<String>());
        }
    }
}

/// The sample with all that is commented out put to use: what begins with # and no space.
fn sample_in_full() -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    SAMPLE.lines().map(uncomment).collect()
}

#[test]
fn no_file_means_the_defaults_and_no_trails() {
    check(
        "",
        expect![[r#"
            Settings {
                data_dir: "/data",
                listen: 127.0.0.1:4580,
                ops_listen: None,
                auth: Sigv4,
                accounts_key: DataDirectory,
                journal: JournalSettings {
                    segment_bytes: 67108864,
                    quota_bytes: 8589934592,
                    window_events: 1000000,
                },
                delivery: DeliverySettings {
                    interval: 300s,
                    concurrency: 16,
                    spill_bytes_max: 4294967296,
                    retry_for: 2592000s,
                    compression_level: 6,
                },
                digests: DigestSettings {
                    interval: 3600s,
                    key_validity: 2592000s,
                    kms_key: Unset,
                },
                history: Settings {
                    categories: [
                        Management,
                        Insight,
                    ],
                    retention: 7776000s,
                    holds: [],
                    memory_bytes: 268435456,
                    cache_bytes: 67108864,
                    limits: Limits {
                        fan_in_min: 8,
                        fan_in_max: 16,
                        rows_max: 1048576,
                        day_rows_min: 4096,
                    },
                },
                quotas: Quotas {
                    trails_per_region: 5,
                    channels: 25,
                    tags: 50,
                    changes_per_second: 10,
                    lookups_per_second: 0,
                },
                log: LogSettings {
                    format: Auto,
                    level: "info",
                },
                definitions: Definitions {
                    accounts: [],
                    organization: None,
                    delegated_administrators: [],
                    trails: [],
                    channels: [],
                    logging: {},
                },
                fanout: [],
            }"#]],
    );
}

#[test]
fn the_sample_in_full_is_valid_and_shows_every_key() {
    check(
        &sample_in_full(),
        expect![[r#"
            Settings {
                data_dir: "/var/lib/cairn",
                listen: 127.0.0.1:4580,
                ops_listen: None,
                auth: Sigv4,
                accounts_key: DataDirectory,
                journal: JournalSettings {
                    segment_bytes: 67108864,
                    quota_bytes: 8589934592,
                    window_events: 1000000,
                },
                delivery: DeliverySettings {
                    interval: 300s,
                    concurrency: 16,
                    spill_bytes_max: 4294967296,
                    retry_for: 2592000s,
                    compression_level: 6,
                },
                digests: DigestSettings {
                    interval: 3600s,
                    key_validity: 2592000s,
                    kms_key: Unset,
                },
                history: Settings {
                    categories: [
                        Management,
                        Insight,
                    ],
                    retention: 7776000s,
                    holds: [
                        Hold {
                            name: "case 2026-17",
                            accounts: {
                                "111111111111",
                            },
                            from: Some(
                                Timestamp(
                                    1767225600000,
                                ),
                            ),
                            to: Some(
                                Timestamp(
                                    1775001599000,
                                ),
                            ),
                        },
                    ],
                    memory_bytes: 268435456,
                    cache_bytes: 67108864,
                    limits: Limits {
                        fan_in_min: 8,
                        fan_in_max: 16,
                        rows_max: 1048576,
                        day_rows_min: 4096,
                    },
                },
                quotas: Quotas {
                    trails_per_region: 5,
                    channels: 25,
                    tags: 50,
                    changes_per_second: 10,
                    lookups_per_second: 0,
                },
                log: LogSettings {
                    format: Auto,
                    level: "info",
                },
                definitions: Definitions {
                    accounts: [
                        "111111111111",
                        "222222222222",
                    ],
                    organization: Some(
                        Organization {
                            id: "o-abc123defg",
                            management_account: "111111111111",
                            members: [
                                "222222222222",
                            ],
                        },
                    ),
                    delegated_administrators: [],
                    trails: [
                        TrailDefinition {
                            trail: Trail {
                                arn: arn:aws:cloudtrail:eu-west-1:111111111111:trail/organization,
                                bucket: "audit-logs",
                                prefix: Some(
                                    "audit",
                                ),
                                topic: Some(
                                    arn:aws:sns:eu-west-1:111111111111:audit-files,
                                ),
                                kms_key: Some(
                                    "alias/audit",
                                ),
                                is_multi_region: true,
                                include_global_service_events: true,
                                is_organization: true,
                                is_logging: true,
                                selectors: Default,
                                recursive_logging: true,
                            },
                            origin: Configuration,
                            topic_name: Some(
                                "arn:aws:sns:eu-west-1:111111111111:audit-files",
                            ),
                            validates_log_files: true,
                            log_group: None,
                            has_custom_selectors: false,
                            tags: [],
                            aggregations: [],
                            insights: [],
                        },
                        TrailDefinition {
                            trail: Trail {
                                arn: arn:aws:cloudtrail:eu-west-1:222222222222:trail/data,
                                bucket: "data-logs",
                                prefix: None,
                                topic: Some(
                                    arn:aws:sns:eu-west-1:111111111111:audit-files,
                                ),
                                kms_key: None,
                                is_multi_region: false,
                                include_global_service_events: true,
                                is_organization: false,
                                is_logging: true,
                                selectors: Advanced(
                                    [
                                        AdvancedEventSelector {
                                            name: Some(
                                                "objects",
                                            ),
                                            field_selectors: [
                                                FieldSelector {
                                                    field: "eventCategory",
                                                    equals: [
                                                        "Data",
                                                    ],
                                                    starts_with: [],
                                                    ends_with: [],
                                                    not_equals: [],
                                                    not_starts_with: [],
                                                    not_ends_with: [],
                                                },
                                                FieldSelector {
                                                    field: "resources.type",
                                                    equals: [
                                                        "AWS::S3::Object",
                                                    ],
                                                    starts_with: [],
                                                    ends_with: [],
                                                    not_equals: [],
                                                    not_starts_with: [],
                                                    not_ends_with: [],
                                                },
                                            ],
                                        },
                                        AdvancedEventSelector {
                                            name: None,
                                            field_selectors: [
                                                FieldSelector {
                                                    field: "eventCategory",
                                                    equals: [
                                                        "ActivityAuditLog",
                                                    ],
                                                    starts_with: [],
                                                    ends_with: [],
                                                    not_equals: [],
                                                    not_starts_with: [],
                                                    not_ends_with: [],
                                                },
                                            ],
                                        },
                                    ],
                                ),
                                recursive_logging: true,
                            },
                            origin: Configuration,
                            topic_name: Some(
                                "arn:aws:sns:eu-west-1:111111111111:audit-files",
                            ),
                            validates_log_files: false,
                            log_group: None,
                            has_custom_selectors: true,
                            tags: [],
                            aggregations: [],
                            insights: [],
                        },
                        TrailDefinition {
                            trail: Trail {
                                arn: arn:aws:cloudtrail:eu-west-1:222222222222:trail/lambda,
                                bucket: "data-logs",
                                prefix: None,
                                topic: None,
                                kms_key: None,
                                is_multi_region: false,
                                include_global_service_events: true,
                                is_organization: false,
                                is_logging: true,
                                selectors: Advanced(
                                    [
                                        AdvancedEventSelector {
                                            name: None,
                                            field_selectors: [
                                                FieldSelector {
                                                    field: "eventCategory",
                                                    equals: [
                                                        "Data",
                                                    ],
                                                    starts_with: [],
                                                    ends_with: [],
                                                    not_equals: [],
                                                    not_starts_with: [],
                                                    not_ends_with: [],
                                                },
                                                FieldSelector {
                                                    field: "resources.type",
                                                    equals: [
                                                        "AWS::Lambda::Function",
                                                    ],
                                                    starts_with: [],
                                                    ends_with: [],
                                                    not_equals: [],
                                                    not_starts_with: [],
                                                    not_ends_with: [],
                                                },
                                            ],
                                        },
                                    ],
                                ),
                                recursive_logging: true,
                            },
                            origin: Configuration,
                            topic_name: None,
                            validates_log_files: false,
                            log_group: None,
                            has_custom_selectors: true,
                            tags: [],
                            aggregations: [],
                            insights: [],
                        },
                    ],
                    channels: [
                        Channel {
                            id: "fd05158e-b26e-8b06-b401-9edf85024937",
                            account: "222222222222",
                            region: "eu-west-1",
                            name: "shop",
                            source: "Custom",
                            origin: Configuration,
                            destinations: [],
                            tags: [],
                            policy: None,
                        },
                    ],
                    logging: {},
                },
                fanout: [
                    FanoutSettings {
                        topic: arn:aws:sns:eu-west-1:111111111111:audit-files,
                        queues: [
                            FanoutQueueSettings {
                                name: "siem",
                                raw: false,
                            },
                            FanoutQueueSettings {
                                name: "archive",
                                raw: true,
                            },
                        ],
                    },
                ],
            }"#]],
    );
}

#[test]
fn the_sample_as_it_stands_changes_only_the_data_folder() {
    let mut sample = parse(SAMPLE, &[], &Flags::default()).unwrap();
    assert_eq!(sample.data_dir, Path::new("/var/lib/cairn"));
    sample.data_dir = "/data".into();
    assert_eq!(sample, parse("", &[], &Flags::default()).unwrap());
}

#[test]
fn the_sample_says_of_every_key_what_the_code_does() {
    for key in keys::all() {
        let (section, leaf) = key.name.rsplit_once('.').unwrap_or(("", key.name));
        let default = match leaf {
            "data_dir" => format!("{}\n", key.default),
            _ => format!("\n#{leaf} = {}\n", key.default),
        };
        let entry = format!(
            "# {}\n# Allowed: {}.\n# Variable: {}. Default:{}{default}",
            key.meaning,
            key.allowed,
            key.variable,
            if leaf == "data_dir" { " " } else { "" },
        );
        assert_eq!(
            SAMPLE.matches(&entry).count(),
            1,
            "deploy/cairn.toml should say once:\n{entry}"
        );
        let at = SAMPLE.find(&entry).unwrap();
        let header = SAMPLE[..at].lines().rev().find(|line| line.starts_with('['));
        let expected = (!section.is_empty()).then(|| format!("[{section}]"));
        assert_eq!(header, expected.as_deref(), "section of {}", key.name);
    }
}

#[test]
fn the_environment_is_stronger_than_the_file_and_flags_than_both() {
    let text = "listen = '127.0.0.1:1'\n[delivery]\ninterval = '10s'\nconcurrency = 3\n";
    let variables =
        [("CAIRN_LISTEN", "127.0.0.1:2"), ("CAIRN_DELIVERY_INTERVAL", "20s"), ("PATH", "/bin")];
    let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
    let values = |variables: &[(&str, &str)], flags: &Flags| {
        let settings = parse(text, variables, flags).unwrap();
        let delivery = settings.delivery;
        (settings.listen.port(), delivery.interval.as_secs(), delivery.concurrency)
    };
    assert_eq!(values(&[], &Flags::default()), (1, 10, 3));
    assert_eq!(values(&variables, &Flags::default()), (2, 20, 3));
    assert_eq!(values(&variables, &flags), (3, 20, 3));
    assert_eq!(values(&[("CAIRN_LISTEN", "")], &Flags::default()), (1, 10, 3));
}

#[test]
fn every_scalar_key_has_a_variable() {
    let given = [
        ("CAIRN_DATA_DIR", "/elsewhere"),
        ("CAIRN_LISTEN", "[::1]:1"),
        ("CAIRN_OPS_LISTEN", "[::]:2"),
        ("CAIRN_AUTH", "localstack"),
        ("CAIRN_ACCOUNTS_KEY", "keys/cairn"),
        ("CAIRN_JOURNAL_SEGMENT_SIZE", "1MiB"),
        ("CAIRN_JOURNAL_QUOTA", "4MiB"),
        ("CAIRN_JOURNAL_DEDUP_WINDOW", "0"),
        ("CAIRN_DELIVERY_INTERVAL", "1s"),
        ("CAIRN_DELIVERY_CONCURRENCY", "256"),
        ("CAIRN_DELIVERY_SPILL_MAX", "1048576"),
        ("CAIRN_DELIVERY_RETRY_FOR", "365d"),
        ("CAIRN_DELIVERY_COMPRESSION_LEVEL", "9"),
        ("CAIRN_DIGESTS_INTERVAL", "90s"),
        ("CAIRN_DIGESTS_KEY_VALIDITY", "365d"),
        ("CAIRN_DIGESTS_KMS_KEY", "alias/cairn"),
        ("CAIRN_HISTORY_CATEGORIES", "Data,Management"),
        ("CAIRN_HISTORY_RETENTION", "3650d"),
        ("CAIRN_HISTORY_MEMORY", "1GiB"),
        ("CAIRN_QUOTAS_TRAILS_PER_REGION", "10_000"),
        ("CAIRN_QUOTAS_CHANNELS", "1"),
        ("CAIRN_QUOTAS_TAGS", "200"),
        ("CAIRN_QUOTAS_CHANGES_PER_SECOND", "100"),
        ("CAIRN_QUOTAS_LOOKUPS_PER_SECOND", "2"),
        ("CAIRN_LOG_FORMAT", "json"),
        ("CAIRN_LOG_LEVEL", "warn"),
    ];
    assert_eq!(given.map(|(name, _)| name.to_owned()), keys::all().map(|key| key.variable));
    check_with(
        "",
        &given,
        &Flags::default(),
        &expect![[r#"
            Settings {
                data_dir: "/elsewhere",
                listen: [::1]:1,
                ops_listen: Some(
                    [::]:2,
                ),
                auth: Localstack,
                accounts_key: File(
                    "/elsewhere/keys/cairn",
                ),
                journal: JournalSettings {
                    segment_bytes: 1048576,
                    quota_bytes: 4194304,
                    window_events: 0,
                },
                delivery: DeliverySettings {
                    interval: 1s,
                    concurrency: 256,
                    spill_bytes_max: 1048576,
                    retry_for: 31536000s,
                    compression_level: 9,
                },
                digests: DigestSettings {
                    interval: 90s,
                    key_validity: 31536000s,
                    kms_key: Named(
                        "alias/cairn",
                    ),
                },
                history: Settings {
                    categories: [
                        Management,
                        Data,
                    ],
                    retention: 315360000s,
                    holds: [],
                    memory_bytes: 1073741824,
                    cache_bytes: 67108864,
                    limits: Limits {
                        fan_in_min: 8,
                        fan_in_max: 16,
                        rows_max: 1048576,
                        day_rows_min: 4096,
                    },
                },
                quotas: Quotas {
                    trails_per_region: 10000,
                    channels: 1,
                    tags: 200,
                    changes_per_second: 100,
                    lookups_per_second: 2,
                },
                log: LogSettings {
                    format: Json,
                    level: "warn",
                },
                definitions: Definitions {
                    accounts: [],
                    organization: None,
                    delegated_administrators: [],
                    trails: [],
                    channels: [],
                    logging: {},
                },
                fanout: [],
            }"#]],
    );
}

#[test]
fn a_kms_key_for_digests_is_an_arn_an_id_or_an_alias() {
    let kms_key = |text: &str| {
        let variables = [("CAIRN_DIGESTS_KMS_KEY", text)];
        parse("", &variables, &Flags::default()).map(|settings| settings.digests.kms_key)
    };
    let id = "01234567-89ab-cdef-0123-456789abcdef";
    for text in [
        id.to_owned(),
        "mrk-0123456789abcdef0123456789abcdef".into(),
        "alias/audit/digests".into(),
        format!("arn:aws:kms:eu-west-1:111111111111:key/{id}"),
        "arn:aws:kms:eu-west-1:111111111111:alias/audit".into(),
    ] {
        assert_eq!(kms_key(&text).unwrap(), DigestsKmsKey::Named(text));
    }
    assert_eq!(kms_key("none").unwrap(), DigestsKmsKey::NoLonger);
    for text in [
        "audit",
        "alias/",
        "alias/a b",
        "key/01234567-89ab-cdef-0123-456789abcdef",
        "arn:aws:kms:eu-west-1:111111111111:audit",
        "arn:aws:kms:eu-west-1:1:alias/audit",
        "arn:aws:sns:eu-west-1:111111111111:alias/audit",
    ] {
        let refused = kms_key(text).unwrap_err().to_string();
        let is_told = refused.contains(text) && refused.contains("expected a KMS key's ARN");
        assert!(is_told && refused.contains("CAIRN_DIGESTS_KMS_KEY"), "{refused}");
    }
}

#[test]
fn every_flag_reaches_its_key() {
    let flags = Flags {
        data_dir: Some("~".into()),
        accounts_key: Some("~/key".into()),
        listen: Some("localhost:1".into()),
        interval: Some("5".into()),
        log_format: Some("xml".into()),
        log_level: Some("inof".into()),
    };
    check_with(
        "",
        &[],
        &flags,
        &expect![[r#"
            --accounts-key: accounts_key = "~/key": expected a file's path, from data_dir on if it is relative (~ and variables are not expanded)
            --data-dir: data_dir = "~": expected a folder's path (~ and variables are not expanded)
            --interval: delivery.interval = "5": expected a duration with its unit (ms, s, m, h, d) from 1s to 1h
            --listen: listen = "localhost:1": expected an IP address and a port, such as 127.0.0.1:4580 or [::1]:4580
            --log-format: log.format = "xml": expected "auto", "human" or "json"
            --log-level: log.level = "inof": expected off, error, warn, info, debug or trace, and TARGET=LEVEL after commas
        "#]],
    );
}

#[test]
fn all_mistakes_are_reported_together_in_the_order_of_their_places() {
    let text = "listen = '0.0.0.0:4580'\n[journal]\nquota = '100MiB'\nsegmentsize = 1\n\
                [[trails]]\nname = 'x'\naccount = 'me'\nregion = 'eu-west-1'\nmulti_region = true\n\
                include_global_service_events = false\ntopic = 'news.fifo'\n";
    let variables = [("CAIRN_DELIVERY_INTERVAL", "2h"), ("CAIRN_DELIVERY_INTERVALL", "hidden")];
    let flags = Flags { log_level: Some("loud".into()), ..Flags::default() };
    let error = parse(text, &variables, &flags).unwrap_err();
    expect![[r#"
        the configuration has 10 mistakes:
          cairn.toml:3: journal.quota = '100MiB': expected at least 256MiB, four segments of journal.segment_size = 64MiB
          cairn.toml:4: journal.segmentsize: unknown key; did you mean segment_size?
          cairn.toml:5: trails[0].bucket: missing; expected a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit
          cairn.toml:6: trails[0].name = 'x': expected a trail name: 3 to 128 letters, digits, periods, underscores and hyphens, beginning and ending with a letter or digit, no two of . _ - side by side, not an IP address
          cairn.toml:7: trails[0].account = 'me': expected an account id of 12 digits
          cairn.toml:10: trails[0].include_global_service_events = false: Multi-Region trail must include global service events.
          cairn.toml:11: trails[0].topic = 'news.fifo': expected a standard topic, not FIFO
          CAIRN_DELIVERY_INTERVAL: delivery.interval = "2h": expected a duration with its unit (ms, s, m, h, d) from 1s to 1h
          CAIRN_DELIVERY_INTERVALL: unknown variable; did you mean CAIRN_DELIVERY_INTERVAL?
          --log-level: log.level = "loud": expected off, error, warn, info, debug or trace, and TARGET=LEVEL after commas
        Nothing was started or changed. Correct this and try again; deploy/cairn.toml shows every key, its default and what is allowed."#]].assert_eq(&error.to_string());
}

#[test]
fn a_hold_says_what_it_holds() {
    check(
        "[history]\ncategories = 'management'\nretention = '1h'\n\
         [[history.holds]]\nname = 'all'\n\
         [[history.holds]]\naccounts = ['1']\nfrom = 'yesterday'\n\
         [[history.holds]]\nname = 'all'\nto = '2026-01-01T00:00:00Z'\nfrom = '2026-02-01T00:00:00Z'\n",
        expect![[r#"
            cairn.toml:2: history.categories = 'management': expected categories with commas between them (Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog), or "" for none
            cairn.toml:3: history.retention = '1h': expected a duration with its unit (ms, s, m, h, d) from 1d to 36500d
            cairn.toml:4: history.holds[0].accounts: expected accounts, from or to; to keep everything longer, raise history.retention
            cairn.toml:6: history.holds[1].name: missing; expected a name of 1 to 128 characters, such as "case 2026-17"
            cairn.toml:7: history.holds[1].accounts[0] = '1': expected an account's 12 digits, such as "111111111111"
            cairn.toml:8: history.holds[1].from = 'yesterday': expected a time in UTC, such as "2026-01-31T00:00:00Z"
            cairn.toml:10: history.holds[2].name = 'all': another hold has this name; give each its own
            cairn.toml:11: history.holds[2].to = '2026-01-01T00:00:00Z': expected a time that is not before from
        "#]],
    );
}

#[test]
fn scalars_outside_their_limits_are_refused() {
    check(
        "data_dir = 5\nlisten = '127.0.0.1'\nauth = 'none'\n\
         [journal]\nsegment_size = '2GiB'\nquota = -1\ndedup_window = '5'\n\
         [delivery]\ninterval = 300\nconcurrency = 0\nspill_max = '1k'\nretry_for = '59m'\n\
         compression_level = 10\n\
         [log]\nformat = 'xml'\nlevel = ['info']\n",
        expect![[r#"
            cairn.toml:1: data_dir = 5: expected a folder's path (~ and variables are not expanded)
            cairn.toml:2: listen = '127.0.0.1': expected an IP address and a port, such as 127.0.0.1:4580 or [::1]:4580
            cairn.toml:3: auth = 'none': expected "sigv4" or "localstack"
            cairn.toml:5: journal.segment_size = '2GiB': expected a size, such as 64MiB, 50MB or a number of bytes, from 1MiB to 256MiB
            cairn.toml:6: journal.quota = -1: expected a size, such as 64MiB, 50MB or a number of bytes, from 4MiB to 1024TiB
            cairn.toml:7: journal.dedup_window = '5': expected a whole number from 0 to 50_000_000
            cairn.toml:9: delivery.interval = 300: expected a duration with its unit (ms, s, m, h, d) from 1s to 1h
            cairn.toml:10: delivery.concurrency = 0: expected a whole number from 1 to 256
            cairn.toml:11: delivery.spill_max = '1k': expected a size, such as 64MiB, 50MB or a number of bytes, from 1MiB to 1024TiB
            cairn.toml:12: delivery.retry_for = '59m': expected a duration with its unit (ms, s, m, h, d) from 1h to 365d
            cairn.toml:13: delivery.compression_level = 10: expected a whole number from 1 to 9
            cairn.toml:15: log.format = 'xml': expected "auto", "human" or "json"
            cairn.toml:16: log.level = ['info']: expected off, error, warn, info, debug or trace, and TARGET=LEVEL after commas
        "#]],
    );
    check(
        "[journal]\nsegment_size = '64MiB'\nquota = '255MiB'\n",
        expect![[r#"
            cairn.toml:3: journal.quota = '255MiB': expected at least 256MiB, four segments of journal.segment_size = 64MiB
        "#]],
    );
    check(
        "journal = 1\ndelivery = []\nlog = 'json'\n",
        expect![[r#"
            cairn.toml:1: journal = 1: expected a table: [journal]
            cairn.toml:2: delivery = []: expected a table: [delivery]
            cairn.toml:3: log = 'json': expected a table: [log]
        "#]],
    );
}

#[test]
fn an_unknown_key_is_told_the_one_that_was_meant() {
    check(
        &format!(
            "data-dir = 'x'\ninterval = '1s'\nsecret = 'hidden'\n\"a\\u001b\" = 1\n\
             [aws]\nregion = 'eu-west-1'\n[trail]\n{TRAIL}is_multi_region = true\ncolour = 'red'\n"
        ),
        expect![[r#"
            cairn.toml:1: data-dir: unknown key; did you mean data_dir?
            cairn.toml:2: interval: unknown key; did you mean delivery.interval?
            cairn.toml:3: secret: unknown key; known here are data_dir, auth, listen, ops_listen, accounts_key, journal, delivery, digests, history, quotas, log, accounts, organization, trails, channels, fanout
            cairn.toml:4: "a\u{1b}": unknown key; known here are data_dir, auth, listen, ops_listen, accounts_key, journal, delivery, digests, history, quotas, log, accounts, organization, trails, channels, fanout
            cairn.toml:5: aws: unknown key; endpoint, Region and credentials of AWS come from its own settings (AWS_ENDPOINT_URL, AWS_PROFILE, ~/.aws/config, …)
            cairn.toml:7: trail: unknown key; did you mean trails?
            cairn.toml:13: trails[0].is_multi_region: unknown key; did you mean multi_region?
            cairn.toml:14: trails[0].colour: unknown key; known here are name, account, region, bucket, prefix, topic, kms_key, multi_region, include_global_service_events, organization, logging, advanced_event_selectors, log_file_validation
        "#]],
    );
}

#[test]
fn an_unknown_variable_is_a_mistake_and_its_value_stays_hidden() {
    check_with(
        "",
        &[
            ("CAIRN_JOURNAL_QUOTAS", "hidden"),
            ("CAIRN_TRAILS", "hidden"),
            ("CAIRN_CONFIG", "other.toml"),
            ("CAIRN_TEST_SEED", "1"),
            ("CAIRN_CACHE_DIR", "x"),
            ("CAIRN_CORPUS", "x"),
            ("CAIRN_SKIP_LOCALSTACK", "1"),
        ],
        &Flags::default(),
        &expect![[r#"
            CAIRN_JOURNAL_QUOTAS: unknown variable; did you mean CAIRN_JOURNAL_QUOTA?
            CAIRN_TRAILS: unknown variable; unset it, or set the key in the file
        "#]],
    );
}

#[test]
fn a_wrong_value_is_reported_even_when_a_stronger_one_replaces_it() {
    let flags = Flags { listen: Some("127.0.0.1:9".into()), ..Flags::default() };
    check_with(
        "listen = 'here'\n",
        &[("CAIRN_LISTEN", "there")],
        &flags,
        &expect![[r#"
            cairn.toml:1: listen = 'here': expected an IP address and a port, such as 127.0.0.1:4580 or [::1]:4580
            CAIRN_LISTEN: listen = "there": expected an IP address and a port, such as 127.0.0.1:4580 or [::1]:4580
        "#]],
    );
}

#[test]
fn every_error_in_the_syntax_has_its_line() {
    check(
        "listen =\n[journal]\nquota = 1\nquota = 2\n[[trails]\n",
        expect![[r#"
            cairn.toml:1: not TOML: string values must be quoted, expected literal string
            cairn.toml:4: not TOML: duplicate key
            cairn.toml:5: not TOML: unclosed array table, expected `]`
        "#]],
    );
}

#[test]
fn trails_need_what_cloudtrail_needs() {
    check(
        "[[trails]]\n[[trails]]\nname = 'a'\n",
        expect![[r#"
            cairn.toml:1: trails[0].name: missing; expected a trail name: 3 to 128 letters, digits, periods, underscores and hyphens, beginning and ending with a letter or digit, no two of . _ - side by side, not an IP address
            cairn.toml:1: trails[0].account: missing; expected an account id of 12 digits
            cairn.toml:1: trails[0].region: missing; expected a Region code of 2 to 32 lower-case letters, digits and inner hyphens, such as eu-west-1
            cairn.toml:1: trails[0].bucket: missing; expected a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit
            cairn.toml:2: trails[1].account: missing; expected an account id of 12 digits
            cairn.toml:2: trails[1].region: missing; expected a Region code of 2 to 32 lower-case letters, digits and inner hyphens, such as eu-west-1
            cairn.toml:2: trails[1].bucket: missing; expected a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit
            cairn.toml:3: trails[1].name = 'a': expected a trail name: 3 to 128 letters, digits, periods, underscores and hyphens, beginning and ending with a letter or digit, no two of . _ - side by side, not an IP address
        "#]],
    );
    check(
        "[[trails]]\nname = '1.2.3.4'\naccount = 111111111111\nregion = 'EU'\nbucket = 'B'\n\
         prefix = ''\ntopic = 'arn:aws:sqs:eu-west-1:111111111111:q'\nkms_key = 'a b'\n\
         multi_region = 'yes'\nlogging = 1\nadvanced_event_selectors = 1\n",
        expect![[r#"
            cairn.toml:2: trails[0].name = '1.2.3.4': expected a trail name: 3 to 128 letters, digits, periods, underscores and hyphens, beginning and ending with a letter or digit, no two of . _ - side by side, not an IP address
            cairn.toml:3: trails[0].account = 111111111111: expected a text in quotes: an account id of 12 digits
            cairn.toml:4: trails[0].region = 'EU': expected a Region code of 2 to 32 lower-case letters, digits and inner hyphens, such as eu-west-1
            cairn.toml:5: trails[0].bucket = 'B': expected a bucket name of 3 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit
            cairn.toml:6: trails[0].prefix = '': expected a key prefix of 1 to 200 characters without AWSLogs/ and control characters
            cairn.toml:7: trails[0].topic = 'arn:aws:sqs:eu-west-1:111111111111:q': expected a topic's ARN (arn:aws:sns:REGION:ACCOUNT:NAME), or its name alone when it is in the trail's account and Region
            cairn.toml:8: trails[0].kms_key = 'a b': expected a KMS key's ARN, id or alias, of 1 to 2048 visible ASCII characters
            cairn.toml:9: trails[0].multi_region = 'yes': expected true or false
            cairn.toml:10: trails[0].logging = 1: expected true or false
            cairn.toml:11: trails[0].advanced_event_selectors = 1: expected a list of tables: [[trails.advanced_event_selectors]]
        "#]],
    );
    check(
        "[trails]\nname = 'a'\n",
        expect![[r#"
            cairn.toml:1: trails = {…}: expected a list of tables: [[trails]]
        "#]],
    );
    check(
        "trails = [1]\naccounts = 5\n",
        expect![[r#"
            cairn.toml:1: trails[0] = 1: expected a table
            cairn.toml:2: accounts = 5: expected a list of tables: [[accounts]]
        "#]],
    );
}

#[test]
fn a_trail_is_defined_once() {
    let elsewhere = TRAIL.replace("eu-west-1", "us-east-1");
    check(
        &format!("{TRAIL}{elsewhere}{TRAIL}"),
        expect![[r#"
            cairn.toml:12: trails[2].name = 'all': trails[0] has the same account, Region and name; rename one of them
        "#]],
    );
}

#[test]
fn organization_trails_belong_to_the_management_account() {
    let organization = "[organization]\nid = 'o-abc123defg'\nmanagement_account = '222222222222'\n";
    check(
        &format!("{TRAIL}organization = true\n"),
        expect![[r#"
            cairn.toml:6: trails[0].organization = true: an organization trail needs an organization; define [organization]
        "#]],
    );
    check(
        &format!("{TRAIL}organization = true\n{organization}"),
        expect![[r#"
            cairn.toml:3: trails[0].account = '111111111111': expected 222222222222: only the management account owns organization trails
        "#]],
    );
    check(
        "[organization]\nid = 'abc'\nmembers = ['111111111111', 'x']\n",
        expect![[r#"
            cairn.toml:1: organization.management_account: missing; expected an account id of 12 digits
            cairn.toml:2: organization.id = 'abc': expected an organization id: o- and 10 to 32 lower-case letters and digits
            cairn.toml:3: organization.members[1] = 'x': expected an account id of 12 digits
        "#]],
    );
    check(
        "organization = 'o-abc123defg'\n",
        expect![[r#"
            cairn.toml:1: organization = 'o-abc123defg': expected a table: [organization]
        "#]],
    );
}

#[test]
fn an_owner_that_is_not_served_is_a_mistake() {
    let accounts = "[[accounts]]\nid = '222222222222'\n[[accounts]]\nid = '222222222222'\n";
    check(
        accounts,
        expect![[r#"
            cairn.toml:4: accounts[1].id = '222222222222': this account is listed twice; list it once
        "#]],
    );
    let accounts = "[[accounts]]\nid = '222222222222'\n";
    let channel = "[[channels]]\nname = 'shop'\naccount = '111111111111'\nregion = 'eu-west-1'\n";
    check(
        &format!("{TRAIL}{accounts}{channel}"),
        expect![[r#"
            cairn.toml:3: trails[0].account = '111111111111': expected one of [[accounts]]: no other is served
            cairn.toml:10: channels[0].account = '111111111111': expected one of [[accounts]]: no other is served
        "#]],
    );
}

#[test]
fn a_mistake_in_an_owner_is_reported_once_and_not_at_every_trail() {
    let accounts = "[[accounts]]\nid = '22222222222'\n";
    check(
        &format!("{TRAIL}{accounts}"),
        expect![[r#"
            cairn.toml:7: accounts[0].id = '22222222222': expected an account id of 12 digits
        "#]],
    );
    let accounts = "[[accounts]]\nid = '222222222222'\n";
    check(
        &format!("{}{accounts}", TRAIL.replace("'111111111111'", "'me'")),
        expect![[r#"
            cairn.toml:3: trails[0].account = 'me': expected an account id of 12 digits
        "#]],
    );
    let organization = "[organization]\nid = 'o-abc123defg'\nmanagement_account = 'me'\n";
    check(
        &format!("{TRAIL}organization = true\n{organization}"),
        expect![[r#"
            cairn.toml:9: organization.management_account = 'me': expected an account id of 12 digits
        "#]],
    );
}

#[test]
fn no_damage_to_a_file_makes_reading_panic() {
    let full = sample_in_full();
    for at in (0..full.len()).step_by(13).filter(|at| full.is_char_boundary(*at)) {
        let _ = parse(&full[..at], &[], &Flags::default());
    }
    let lines: Vec<&str> = full.lines().collect();
    for skipped in 0..lines.len() {
        for value in ["", "k = 5", "k = [{}]", "k = ''"] {
            let key = lines[skipped].split(" = ").next().unwrap_or_default();
            let mut damaged = lines.clone();
            let line = value.replace('k', key);
            damaged[skipped] = &line;
            let _ = parse(&damaged.join("\n"), &[], &Flags::default());
        }
    }
}

#[test]
fn selectors_are_checked_one_by_one() {
    check(
        &format!(
            "{TRAIL}advanced_event_selectors = [\n\
             {{ FieldSelectors = [{{ Field = 'eventName', Equals = ['x'] }}] }},\n\
             {{ Name = 'none' }},\n\
             {{ FieldSelectors = [{{ Equal = ['x'] }}, {{ Field = 'eventCategory', Equals = [1] }}] }},\n\
             {{ FieldSelectors = [{{ Field = 'eventCategory', Equals = ['Date'] }}] }},\n\
             ]\n"
        ),
        expect![[r#"
            cairn.toml:7: trails[0].advanced_event_selectors[0].FieldSelectors = [{ Field = 'eventName', Equals = ['x'] }]: The following fields are required: [eventCategory].
            cairn.toml:8: trails[0].advanced_event_selectors[1].FieldSelectors: missing; expected a list of field selectors
            cairn.toml:9: trails[0].advanced_event_selectors[2].FieldSelectors[0].Field: missing; expected a field's name, such as eventCategory
            cairn.toml:9: trails[0].advanced_event_selectors[2].FieldSelectors[0].Equal: unknown key; did you mean Equals?
            cairn.toml:9: trails[0].advanced_event_selectors[2].FieldSelectors[1].Equals[0] = 1: expected a text
            cairn.toml:10: trails[0].advanced_event_selectors[3].FieldSelectors = [{ Field = 'eventCategory', Equals = ['Date'] }]: eventCategory "Date" is unknown; use one of Management, Data, NetworkActivity, Insight, Aggregated, ActivityAuditLog
        "#]],
    );
    let json = r#"'[{"FieldSelectors":[]},{"FieldSelector":[]}]'"#;
    check(
        &format!("{TRAIL}advanced_event_selectors = {json}\n"),
        expect![[r#"
            cairn.toml:6: trails[0].advanced_event_selectors = '[{"FieldSelectors":[]},{"FieldSelector":[]}]': selector 0 of the JSON: The following fields are required: [eventCategory].
            cairn.toml:6: trails[0].advanced_event_selectors = '[{"FieldSelectors":[]},{"FieldSelector":[]}]': selector 1 of the JSON: unknown field `FieldSelector`, expected `Name` or `FieldSelectors`
        "#]],
    );
    check(
        &format!("{TRAIL}advanced_event_selectors = '['\n"),
        expect![[r#"
            cairn.toml:6: trails[0].advanced_event_selectors = '[': expected a JSON array of selectors: EOF while parsing a list at line 1 column 1
        "#]],
    );
    let values = vec!["'v'"; 300].join(",");
    let many = format!(
        "{{ FieldSelectors = [{{ Field = 'eventCategory', Equals = ['Data'] }}, \
         {{ Field = 'eventName', Equals = [{values}] }}] }}"
    );
    check(
        &format!("{TRAIL}advanced_event_selectors = [{many}, {many}]\n"),
        expect![[r#"
            cairn.toml:6: trails[0].advanced_event_selectors = [{ FieldSelectors = [{ Field = 'eventCategory', Equals = ['Data'] }, { Field = 'eventName', Equals =…: the selectors hold 602 values; at most 500 are allowed
        "#]],
    );
}

#[test]
fn channels_and_fanout_are_checked_too() {
    check(
        "[[channels]]\nname = 'shop'\naccount = '111111111111'\nregion = 'eu-west-1'\nsource = ''\n\
         [[channels]]\nname = 'shop'\naccount = '111111111111'\nregion = 'eu-west-1'\n\
         [[fanout]]\ntopic = 'arn:aws:sns:eu-west-1:111111111111:a'\n\
         [[fanout]]\ntopic = 'arn:aws:sns:eu-west-1:111111111111:a'\nqueues = []\n\
         [[fanout]]\ntopic = 'arn:aws:sns:eu-west-1:111111111111:a.fifo'\nqueues = 'q'\n\
         [[fanout]]\nqueues = [{ name = 'q' }, { name = 'q', raw = 1 }, { name = 'q.fifo' }, {}]\n",
        expect![[r#"
            cairn.toml:5: channels[0].source = '': expected "Custom", or the one event source that the channel takes, of 1 to 256 characters
            cairn.toml:7: channels[1].name = 'shop': channels[0] has the same account, Region and name; rename one of them
            cairn.toml:10: fanout[0].queues: expected at least one queue, such as [{ name = "audit" }]
            cairn.toml:13: fanout[1].topic = 'arn:aws:sns:eu-west-1:111111111111:a': fanout[0] has this topic; list all its queues there
            cairn.toml:14: fanout[1].queues = []: expected at least one queue, such as [{ name = "audit" }]
            cairn.toml:16: fanout[2].topic = 'arn:aws:sns:eu-west-1:111111111111:a.fifo': expected a standard topic, not FIFO
            cairn.toml:17: fanout[2].queues = 'q': expected a list of tables: [[fanout.queues]]
            cairn.toml:18: fanout[3].topic: missing; expected a topic ARN: arn:aws:sns:REGION:ACCOUNT:NAME
            cairn.toml:19: fanout[3].queues[1].raw = 1: expected true or false
            cairn.toml:19: fanout[3].queues[1].name = 'q': this topic has this queue already; list it once
            cairn.toml:19: fanout[3].queues[2].name = 'q.fifo': expected a standard queue's name of 1 to 80 letters, digits, underscores and hyphens
            cairn.toml:19: fanout[3].queues[3].name: missing; expected a standard queue's name of 1 to 80 letters, digits, underscores and hyphens
        "#]],
    );
}

#[test]
fn without_a_home_a_data_folder_must_be_given() {
    let none: [(&str, &str); 0] = [];
    let parse = |text| Settings::parse(text, "cairn.toml", none, &Flags::default(), None);
    let error = parse("").unwrap_err();
    expect![[r#"
        the configuration has 1 mistake:
          data_dir: missing, and neither XDG_DATA_HOME nor HOME gives a default; set data_dir, CAIRN_DATA_DIR or --data-dir
        Nothing was started or changed. Correct this and try again; deploy/cairn.toml shows every key, its default and what is allowed."#]].assert_eq(&error.to_string());
    assert_eq!(parse("data_dir = '/data'\n").unwrap().data_dir, Path::new("/data"));
    assert_eq!(parse("data_dir = ''\n").unwrap_err().mistakes.len(), 1);
}

#[test]
fn a_file_is_loaded_and_one_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cairn.toml");
    std::fs::write(&file, "[delivery]\ninterval = '7s'\n").unwrap();
    let home = ("HOME", "/home/me");
    let settings = Settings::load(Some(&file), [home], &Flags::default()).unwrap();
    assert_eq!(settings.delivery.interval, Duration::from_secs(7));
    assert_eq!(settings.data_dir, Path::new("/home/me/.local/share/cairn"));

    let named = [("CAIRN_CONFIG", file.to_str().unwrap()), ("XDG_DATA_HOME", "/xdg"), home];
    let settings = Settings::load(None, named, &Flags::default()).unwrap();
    assert_eq!(settings.delivery.interval, Duration::from_secs(7));
    assert_eq!(settings.data_dir, Path::new("/xdg/cairn"));

    let settings = Settings::load(None, [("XDG_DATA_HOME", "data"), home], &Flags::default());
    assert_eq!(settings.unwrap().data_dir, Path::new("/home/me/.local/share/cairn"));

    let environment = [("CAIRN_LISTEN", "here"), home];
    let missing = Path::new("/nowhere/cairn.toml");
    let error = Settings::load(Some(missing), environment, &Flags::default()).unwrap_err();
    expect![[r#"
        the configuration has 2 mistakes:
          /nowhere/cairn.toml: cannot be read: No such file or directory (os error 2)
          CAIRN_LISTEN: listen = "here": expected an IP address and a port, such as 127.0.0.1:4580 or [::1]:4580
        Nothing was started or changed. Correct this and try again; deploy/cairn.toml shows every key, its default and what is allowed."#]].assert_eq(&error.to_string());
}

#[test]
#[cfg(unix)]
fn a_variable_that_is_not_utf_8_is_a_mistake_and_no_panic() {
    use std::os::unix::ffi::OsStringExt;

    let value = OsString::from_vec(b"/data/\xff".to_vec());
    let environment = [(OsString::from("CAIRN_DATA_DIR"), value)];
    let error = Settings::parse("", "", environment, &Flags::default(), None).unwrap_err();
    expect![[r#"CAIRN_DATA_DIR: data_dir = "/data/�": not UTF-8; expected a folder's path (~ and variables are not expanded)"#]].assert_eq(&error.mistakes[0].to_string());
}
