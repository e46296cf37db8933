//! What a query may take.

use std::time::Duration;

use cairn_query::QueryError;

use crate::support::{events, limits, open, world, write};

#[tokio::test]
async fn a_query_that_needs_more_memory_than_it_may_ends_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory, 0, &events());
    let mut limits = limits(&directory);
    limits.memory_bytes = 1 << 10;
    let world = open(directory, 1, limits).await;
    let sql = "SELECT eventJson, count(*) FROM events GROUP BY eventJson";
    let error = world.rows(sql).await.unwrap_err();
    assert!(matches!(error, QueryError::Memory(_)), "{error}");
    assert!(error.to_string().contains("--memory"), "{error}");
}

#[tokio::test]
async fn a_query_that_takes_longer_than_it_may_ends_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory, 0, &events());
    let mut limits = limits(&directory);
    limits.timeout = Duration::from_millis(50);
    let world = open(directory, 1, limits).await;
    // 10^16 rows.
    let sql =
        "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000000) b";
    let error = world.rows(sql).await.unwrap_err();
    assert!(matches!(error, QueryError::Timeout(_)), "{error}");
}

#[tokio::test]
async fn a_query_as_deep_as_it_can_be_is_no_danger() {
    let answers = cairn_query::run(1, || async {
        let world = world().await;
        let or = vec!["eventName = 'x'"; 390].join(" OR ");
        let sum = vec!["1"; 390].join("+");
        let mut answers = Vec::new();
        for condition in [or, format!("{sum} = 390")] {
            let sql = format!("SELECT count(*) n FROM events WHERE {condition}");
            answers.push(world.ask(&sql).await);
        }
        for deep in
            [vec!["1"; 4000].join("+"), format!("{}1{}", "(".repeat(4900), ")".repeat(4900))]
        {
            answers.push(world.ask(&format!("SELECT {deep} FROM events")).await);
        }
        answers
    });
    let answers = answers.await.unwrap();
    assert!(answers[0].contains("| 0 "), "{}", answers[0]);
    assert!(answers[1].contains("| 5 "), "{}", answers[1]);
    assert!(answers[2].contains("more than 400"), "{}", answers[2]);
    assert!(answers[3].contains("recursion"), "{}", answers[3]);
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_asked_about_is_read_to_its_end() {
    let world = world().await;
    std::fs::remove_dir_all(world.directory.path().join("history")).unwrap();
    let answer = world.ask("SELECT count(eventJson) FROM events").await;
    assert!(answer.contains("| 5 "), "{answer}");
}
