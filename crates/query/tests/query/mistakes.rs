//! What is said of queries that are wrong.

use expect_test::{Expect, expect};

use crate::support::world;

async fn check(sql: &str, expected: Expect) {
    expected.assert_eq(&world().await.ask(sql).await);
}

#[tokio::test]
async fn a_name_that_is_nearly_right_is_recognised() {
    check(
        "SELECT eventName\nFROM events WHERE evntTime > '2026-01-01'",
        expect![[r#"
        there is no column evnttime; did you mean eventTime?
          line 2: FROM events WHERE evntTime > '2026-01-01'
                                    ^^^^^^^^"#]],
    )
    .await;
    check("SELECT userIdentity.arm FROM events", expect!["Field arm not found in struct"]).await;
    check("SELECT userName FROM events", expect![[r#"
        there is no column username; did you mean userIdentity.userName or userIdentity.sessionContext.sessionIssuer.userName?
          line 1: SELECT userName FROM events
                         ^^^^^^^^"#]]).await;
}

#[tokio::test]
async fn the_place_of_a_mistake_is_shown() {
    check(
        "SELECT eventName FORM events",
        expect![[r#"
        Expected: end of statement, found: events
          line 1: SELECT eventName FORM events
                                        ^"#]],
    )
    .await;
    check(
        "SELECT count( FROM events",
        expect![[r#"
        Expected: ), found: events
          line 1: SELECT count( FROM events
                                     ^"#]],
    )
    .await;
    check(
        "SELECT eventName, count(*) FROM events",
        expect![[r#"
        eventName must be in GROUP BY, or within an aggregate function: max(eventName)
          line 1: SELECT eventName, count(*) FROM events
                         ^^^^^^^^^"#]],
    )
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    check(
        "SELECT * FROM event",
        expect![[r#"
        there is no table event; the events are in the table events
          line 1: SELECT * FROM event
                                ^^^^^"#]],
    )
    .await;
    check(
        "SELECT contans(eventName, 'x') FROM events",
        expect![[r#"
        Invalid function 'contans'.
        Did you mean 'contains'?
          line 1: SELECT contans(eventName, 'x') FROM events
                         ^^^^^^^"#]],
    )
    .await;
    check("SELECT element_at(eventName, 'x') FROM events", expect!["element_at(map, 'key') and element_at(array, 1) are for maps and arrays; this is Utf8View"]).await;
    check("SELECT date_add('fortnight', 1, eventTime) FROM events", expect!["'fortnight' is no unit of time; there are millisecond, second, minute, hour, day, week, month, quarter and year"]).await;
    check(
        "SELECT requestParameters.bucketName FROM events ORDER BY 1",
        expect![[r#"
            +------------+
            | bucketName |
            +------------+
            | logs       |
            | logs       |
            | old        |
            |            |
            |            |
            +------------+"#]],
    )
    .await;
    check("SELECT json_extract_scalar(requestParameters, '$.a') FROM events", expect!["json_extract_scalar takes a text with JSON, such as eventJson; of a map take element_at(map, 'key')"]).await;
}

#[tokio::test]
async fn no_other_file_of_the_machine_is_read() {
    check(
        "SELECT * FROM '/etc/passwd'",
        expect!["there is no table /etc/passwd; the events are in the table events"],
    )
    .await;
    check(
        "SELECT * FROM \"/etc/passwd\"",
        expect![[r#"
        there is no table /etc/passwd; the events are in the table events
          line 1: SELECT * FROM "/etc/passwd"
                                ^^^^^^^^^^^^^"#]],
    )
    .await;
    check(
        "SELECT * FROM read_parquet('/tmp/x.parquet')",
        expect!["table function 'read_parquet' not found"],
    )
    .await;
    check(
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        expect!["only SELECT is possible here: nothing is changed or written by SQL"],
    )
    .await;
    check(
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        expect!["only SELECT is possible here: nothing is changed or written by SQL"],
    )
    .await;
}
