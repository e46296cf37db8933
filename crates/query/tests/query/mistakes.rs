//! What is said of queries that are wrong.

use expect_test::{Expect, expect};

use crate::support::world;

async fn check(sql: &str, expected: Expect) {
    expected.assert_eq(&world().await.ask(sql).await);
}

#[tokio::test]
async fn a_name_that_is_nearly_right_is_recognised() {
    check("SELECT eventName\nFROM events WHERE evntTime > '2026-01-01'", expect![[r#"
        there is no column evnttime; did you mean eventTime?
          line 2: FROM events WHERE evntTime > '2026-01-01'
                                   ^^^^^^^^"#]]).await;
    check("SELECT userIdentity.arm FROM events", expect!["Field arm not found in struct"]).await;
    check("SELECT userName FROM events", expect![[r#"
        there is no column username; did you mean userIdentity.userName or userIdentity.sessionContext.sessionIssuer.userName?
          line 1: SELECT userName FROM events
                        ^^^^^^^^"#]]).await;
}

#[tokio::test]
async fn the_place_of_a_mistake_is_shown() {
    check("SELECT eventName FORM events", expect![[r#"
        Expected: end of statement, found: events
          line 1: SELECT eventName FORM events
                                       ^"#]]).await;
    check("SELECT count( FROM events", expect![[r#"
        Expected: ), found: events
          line 1: SELECT count( FROM events
                                    ^"#]]).await;
    check("SELECT eventName, count(*) FROM events", expect![[r#"
        Column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column "events.eventname" must appear in the GROUP BY clause or must be part of an aggregate function, currently only "count(Int64(1))" appears in the SELECT clause satisfies this requirement
          line 1: SELECT eventName, count(*) FROM events
                        ^^^^^^^^^"#]]).await;
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    check("SELECT * FROM event", expect![[r#"
        table 'datafusion.public.event' not found
          line 1: SELECT * FROM event
                               ^^^^^"#]]).await;
    check("SELECT contans(eventName, 'x') FROM events", expect![[r#"
        Invalid function 'contans'.
        Did you mean 'contains'?
          line 1: SELECT contans(eventName, 'x') FROM events
                        ^^^^^^^"#]]).await;
    check("SELECT element_at(eventName, 'x') FROM events", expect![[r#"
        Function 'element_at' user-defined coercion failed with: Error during planning: element_at(map, 'key') and element_at(array, 1) are for maps and arrays; this is Utf8View. No function matches the given name and argument types 'element_at(Utf8View, Utf8)'. You might need to add explicit type casts.
        	Candidate functions:
        	element_at(UserDefined)"#]]).await;
    check("SELECT date_add('fortnight', 1, eventTime) FROM events", expect!["'fortnight' is no unit of time; there are millisecond, second, minute, hour, day, week, month, quarter and year"]).await;
    check("SELECT requestParameters.bucketName FROM events", expect![[r#"
        +------------+
        | bucketName |
        +------------+
        |            |
        |            |
        |            |
        |            |
        |            |
        +------------+"#]]).await;
    check("SELECT json_extract_scalar(requestParameters, '$.a') FROM events", expect!["json_extract_scalar takes a text with JSON, such as eventJson; of a map take element_at(map, 'key')"]).await;
}

#[tokio::test]
async fn no_other_file_of_the_machine_is_read() {
    check("SELECT * FROM '/etc/passwd'", expect!["table 'datafusion.public./etc/passwd' not found"]).await;
    check("SELECT * FROM \"/etc/passwd\"", expect![[r#"
        table 'datafusion.public./etc/passwd' not found
          line 1: SELECT * FROM "/etc/passwd"
                               ^^^^^^^^^^^^^"#]]).await;
    check("SELECT * FROM read_parquet('/tmp/x.parquet')", expect!["table function 'read_parquet' not found"]).await;
    check("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", expect!["only SELECT is possible here: nothing is changed or written by SQL"]).await;
    check("COPY (SELECT 1) TO '/tmp/x.csv'", expect!["only SELECT is possible here: nothing is changed or written by SQL"]).await;
}
