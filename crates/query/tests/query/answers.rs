//! What CloudTrail Lake's users ask.

use expect_test::{Expect, expect};

use crate::support::world;

async fn check(sql: &str, expected: Expect) {
    expected.assert_eq(&world().await.ask(sql).await);
}

#[tokio::test]
async fn events_are_counted_by_name() {
    check(
        "SELECT eventSource, eventName, count(*) AS n FROM events WHERE eventTime > '2026-01-01 00:00:00' GROUP BY eventSource, eventName ORDER BY n DESC, eventName LIMIT 20",
        expect![[r#"
            +------------------+--------------+---+
            | eventSource      | eventName    | n |
            +------------------+--------------+---+
            | s3.amazonaws.com | DeleteBucket | 2 |
            | s3.amazonaws.com | CreateBucket | 1 |
            | s3.amazonaws.com | GetObject    | 1 |
            | s3.amazonaws.com | ListBuckets  | 1 |
            +------------------+--------------+---+"#]],
    )
    .await;
}

#[tokio::test]
async fn refusals_of_the_last_week_are_counted_by_who_was_refused() {
    check(
        "SELECT userIdentity.arn, errorCode, count(*) FROM events WHERE errorCode IS NOT NULL AND eventTime > date_add('day', -7, timestamp '2026-03-12 00:00:00') GROUP BY 1, 2",
        expect![[r#"
            +------------------------------------+--------------+----------+
            | arn                                | errorCode    | count(*) |
            +------------------------------------+--------------+----------+
            | arn:aws:iam::111122223333:user/amy | AccessDenied | 1        |
            +------------------------------------+--------------+----------+"#]],
    )
    .await;
}

#[tokio::test]
async fn a_parameter_of_the_request_is_a_member_of_a_map() {
    check(
        "SELECT eventTime, element_at(requestParameters,'bucketName') AS b FROM events WHERE eventName = 'DeleteBucket' ORDER BY eventTime",
        expect![[r#"
            +----------------------+------+
            | eventTime            | b    |
            +----------------------+------+
            | 2026-03-09T14:05:00Z | old  |
            | 2026-03-10T09:00:00Z | logs |
            +----------------------+------+"#]],
    )
    .await;
    check(
        "SELECT eventName, requestParameters['n'] n, requestParameters['acl'] acl, responseElements, additionalEventData FROM events ORDER BY eventTime",
        expect![[r#"
            +--------------+---+-------------+------------------+---------------------+
            | eventName    | n | acl         | responseElements | additionalEventData |
            +--------------+---+-------------+------------------+---------------------+
            | CreateBucket | 5 | ["private"] |                  |                     |
            | DeleteBucket |   |             |                  |                     |
            | DeleteBucket |   |             |                  |                     |
            | ListBuckets  |   |             |                  |                     |
            | GetObject    |   |             | {a: {"b":[1,2]}} | {x-amz-id-2: q"é}   |
            +--------------+---+-------------+------------------+---------------------+"#]],
    )
    .await;
}

#[tokio::test]
async fn a_table_is_joined_with_itself_by_the_ids_of_event_data_stores() {
    check(
        "SELECT a.eventName, b.eventID FROM 0b9f5a8e-7c1f-4d55-9a1e-0123456789ab AS a INNER JOIN \"0b9f5a8e-7c1f-4d55-9a1e-0123456789ac\" AS b ON a.eventID = b.eventID WHERE a.readOnly ORDER BY 2",
        expect![[r#"
            +-------------+-------------------------+
            | eventName   | eventID                 |
            +-------------+-------------------------+
            | ListBuckets | id-2026-03-10T10:00:00Z |
            | GetObject   | id-2026-03-11T00:00:00Z |
            +-------------+-------------------------+"#]],
    )
    .await;
}

#[tokio::test]
async fn fields_are_found_however_deep_and_however_spelled() {
    check(
        "SELECT DISTINCT useridentity.SESSIONCONTEXT.sessionIssuer.userName, \"userIdentity\".\"sessionContext\".\"attributes\".\"creationDate\" c, userIdentity['type'] t FROM events ORDER BY t",
        expect![[r#"
            +----------+----------------------+-------------+
            | userName | c                    | t           |
            +----------+----------------------+-------------+
            | ops      | 2026-03-09T12:00:00Z | AssumedRole |
            |          |                      | IAMUser     |
            +----------+----------------------+-------------+"#]],
    )
    .await;
}

#[tokio::test]
async fn resources_are_an_array() {
    check(
        "SELECT resources[1].arn, element_at(resources, -1).type AS t, cardinality(resources) n FROM events WHERE resources IS NOT NULL",
        expect![[r#"
            +------------------+-----------------+---+
            | arn              | t               | n |
            +------------------+-----------------+---+
            | arn:aws:s3:::old | AWS::S3::Bucket | 1 |
            +------------------+-----------------+---+"#]],
    )
    .await;
    check(
        "SELECT eventName, r.arn, r.accountId FROM (SELECT eventName, unnest(resources) AS r FROM events)",
        expect![[r#"
            +--------------+------------------+--------------+
            | eventName    | arn              | accountId    |
            +--------------+------------------+--------------+
            | DeleteBucket | arn:aws:s3:::old | 111122223333 |
            +--------------+------------------+--------------+"#]],
    )
    .await;
}

#[tokio::test]
async fn days_are_counted_with_functions_of_time() {
    check(
        "SELECT date_trunc('day', eventTime) AS day, count(*) n, count_if(readOnly) reads, max(hour(eventTime)) h FROM events GROUP BY 1 ORDER BY 1",
        expect![[r#"
            +----------------------+---+-------+----+
            | day                  | n | reads | h  |
            +----------------------+---+-------+----+
            | 2026-03-09T00:00:00Z | 2 | 0     | 14 |
            | 2026-03-10T00:00:00Z | 2 | 1     | 10 |
            | 2026-03-11T00:00:00Z | 1 | 1     | 0  |
            +----------------------+---+-------+----+"#]],
    )
    .await;
    check(
        "SELECT date_diff('hour', min(eventTime), max(eventTime)) hours, date_format(max(eventTime), '%Y/%m/%d') d, format_datetime(min(eventTime), 'yyyy-MM-dd''T''HH:mm') f, year(min(eventTime)) y, day_of_week(min(eventTime)) w FROM events",
        expect![[r#"
            +-------+------------+------------------+------+---+
            | hours | d          | f                | y    | w |
            +-------+------------+------------------+------+---+
            | 34    | 2026/03/11 | 2026-03-09T14:00 | 2026 | 1 |
            +-------+------------+------------------+------+---+"#]],
    )
    .await;
    check(
        "SELECT eventName FROM events WHERE eventTime BETWEEN from_iso8601_timestamp('2026-03-10T00:00:00Z') AND date_parse('2026-03-10 09:30:00', '%Y-%m-%d %H:%i:%s') AND eventTime >= parse_datetime('2026-03-10', 'yyyy-MM-dd') AND eventTime < now() + interval '1' day AND eventTime < current_timestamp AND date(eventTime) = date '2026-03-10'",
        expect![[r#"
            +--------------+
            | eventName    |
            +--------------+
            | DeleteBucket |
            +--------------+"#]],
    )
    .await;
}

#[tokio::test]
async fn the_whole_record_is_there() {
    check(
        "SELECT json_extract_scalar(eventJson, '$.userIdentity.sessionContext.sessionIssuer.type') t, json_extract(eventJson, '$.responseElements.a') j, json_array_length(json_extract(eventJson, '$.resources')) n FROM events ORDER BY eventTime DESC LIMIT 4",
        expect![[r#"
            +------+-------------+---+
            | t    | j           | n |
            +------+-------------+---+
            |      | {"b":[1,2]} |   |
            | Role |             |   |
            |      |             |   |
            | Role |             | 1 |
            +------+-------------+---+"#]],
    )
    .await;
}

#[tokio::test]
async fn text_is_searched() {
    check(
        "SELECT eventName, regexp_extract(userIdentity.arn, '([^/]+)$', 1) who, upper(awsRegion) FROM events WHERE eventName LIKE '%Bucket' AND regexp_like(userIdentity.arn, 'user/') AND coalesce(errorCode, '') <> 'x' ORDER BY eventTime",
        expect![[r#"
            +--------------+-----+------------------+
            | eventName    | who | upper(awsRegion) |
            +--------------+-----+------------------+
            | CreateBucket | amy | EU-WEST-1        |
            | DeleteBucket | amy | EU-WEST-1        |
            +--------------+-----+------------------+"#]],
    )
    .await;
}

#[tokio::test]
async fn sets_and_windows_and_common_tables_are_there() {
    check(
        "WITH b AS (SELECT eventName, userIdentity.userName AS u FROM events) SELECT eventName FROM b EXCEPT SELECT eventName FROM b WHERE u = 'amy'",
        expect![[r#"
            +-------------+
            | eventName   |
            +-------------+
            | ListBuckets |
            +-------------+"#]],
    )
    .await;
    check(
        "SELECT eventName, row_number() OVER (PARTITION BY userIdentity.type ORDER BY eventTime) n FROM events ORDER BY eventTime LIMIT 3",
        expect![[r#"
            +--------------+---+
            | eventName    | n |
            +--------------+---+
            | CreateBucket | 1 |
            | DeleteBucket | 1 |
            | DeleteBucket | 2 |
            +--------------+---+"#]],
    )
    .await;
}

#[tokio::test]
async fn nulls_come_last_whatever_the_order() {
    check(
        "SELECT errorCode FROM events GROUP BY errorCode ORDER BY errorCode",
        expect![[r#"
        +--------------+
        | errorCode    |
        +--------------+
        | AccessDenied |
        |              |
        +--------------+"#]],
    )
    .await;
    check(
        "SELECT errorCode FROM events GROUP BY errorCode ORDER BY errorCode DESC",
        expect![[r#"
        +--------------+
        | errorCode    |
        +--------------+
        | AccessDenied |
        |              |
        +--------------+"#]],
    )
    .await;
}

#[tokio::test]
async fn what_the_files_have_is_filtered_in_the_files_and_members_are_read_of_what_is_left() {
    let plan = world()
        .await
        .ask("EXPLAIN SELECT e.requestParameters['bucketName'] FROM events e WHERE userIdentity.arn = 'x' AND eventName = 'y' AND eventTime > '2026-03-10' AND requestParameters.bucketName = 'z'")
        .await;
    let physical = plan.split("physical_plan").nth(1).unwrap();
    let filter = physical.split(" predicate=").nth(1).unwrap();
    for condition in [
        "event_name@9 = y",
        "event_time@0 > 1773100800000",
        "get_field(user_identity@7, arn) = x",
        "record:requestParameters[](event_json@30, bucketName) = z",
    ] {
        assert!(filter.contains(condition), "{condition}: {plan}");
    }
    let pruned = filter.split("pruning_predicate=").nth(1).unwrap();
    assert!(pruned.contains("event_time_max") && pruned.contains("event_name_min"), "{plan}");
    assert!(!physical.contains("FilterExec"), "{plan}");
    assert!(!physical.contains("element_at(record"), "{plan}");
}

#[tokio::test]
async fn a_member_is_of_its_own_row_through_joins_and_subqueries() {
    check(
        "SELECT a.requestParameters.bucketName AS a, element_at(b.requestParameters, 'bucketName') AS b, c.p['bucketName'] AS c FROM events a JOIN events b ON a.eventTime < b.eventTime JOIN (SELECT eventID, requestParameters AS p FROM events WHERE eventName <> 'x') c ON c.eventID = b.eventID WHERE element_at(a.requestParameters, 'bucketName') <> b.requestParameters['bucketName'] ORDER BY a.eventTime, b.eventTime",
        expect![[r#"
            +------+------+------+
            | a    | b    | c    |
            +------+------+------+
            | logs | old  | old  |
            | old  | logs | logs |
            +------+------+------+"#]],
    )
    .await;
}

#[tokio::test]
async fn all_columns_are_cloudtrail_lakes() {
    let world = world().await;
    let answer = world.engine.query("SELECT * FROM events").await.unwrap();
    let names: Vec<String> =
        answer.schema().fields().iter().map(|field| field.name().clone()).collect();
    expect!["eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress userAgent errorCode errorMessage requestParameters responseElements additionalEventData requestID eventID readOnly resources eventType apiVersion managementEvent recipientAccountId sharedEventID annotation vpcEndpointId vpcEndpointAccountId serviceEventDetails addendum edgeDeviceDetails insightDetails eventCategory tlsDetails sessionCredentialFromConsole eventJson"].assert_eq(&names.join(" "));
    let described = world.ask("DESCRIBE events").await;
    assert!(
        described.contains("userIdentity.sessionContext.sessionIssuer.userName"),
        "{described}"
    );
}

/// `UPDATE_DOCS=1` writes it anew.
#[test]
fn the_documentation_has_all_columns() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sql.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut table = String::from("| column | type | |\n| --- | --- | --- |\n");
    for (name, column) in cairn_query::columns::all() {
        table += &format!("| `{name}` | `{}` | {} |\n", column.kind.name(), column.about);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let (before, behind) = page.split_once("| column |").unwrap();
        let behind = behind.split_once("\n\n").unwrap().1;
        std::fs::write(path, format!("{before}{table}\n{behind}")).unwrap();
        return;
    }
    assert!(page.contains(&table), "docs/sql.md has other columns than the table");
}

#[tokio::test]
async fn values_are_spelled_as_records_spell_them() {
    let world = world().await;
    let sql = "SELECT userIdentity, resources, requestParameters, eventTime, tlsDetails FROM events WHERE resources IS NOT NULL";
    let mut answer = world.engine.query(sql).await.unwrap();
    let batch = answer.next().await.unwrap().unwrap();
    let values = cairn_query::value::columns_of(&batch);
    assert_eq!(values[0][0]["arn"], "arn:aws:sts::111122223333:assumed-role/ops/bob");
    assert_eq!(values[0][0]["sessionContext"]["sessionIssuer"]["userName"], "ops");
    assert_eq!(
        values[0][0]["sessionContext"]["attributes"]["creationDate"],
        "2026-03-09 12:00:00.000"
    );
    assert_eq!(values[1][0][0]["ARN"], "arn:aws:s3:::old");
    assert_eq!(values[2][0], serde_json::json!({"bucketName": "old"}));
    assert_eq!(values[3][0], "2026-03-09 14:05:00.000");
    assert!(values[4][0]["tlsVersion"].is_null());
}
