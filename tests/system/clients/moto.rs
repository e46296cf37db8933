//! moto's own tests of its CloudTrail, as far as they agree with AWS's documentation. See
//! `tests/clients/moto_suite.py`.

use std::process::Command;

use super::python::{Program, clients, localstack_script, say};
use crate::support::cairn::Site;
use crate::support::localstack::{LocalStack, endpoint};

#[tokio::test]
async fn the_tests_of_moto_that_agree_with_aws_pass() {
    let Some(_) = LocalStack::find().await else { return };
    let python = tokio::task::spawn_blocking(environment).await.unwrap();
    let site = Site::new("");
    let daemon = site.start().await;
    let program = Program {
        command: vec![format!("{python}/bin/python")],
        arguments: vec!["moto_suite.py".into(), daemon.url(""), endpoint()],
        variables: vec![],
    };
    let said = program.run("moto's tests").await;
    let passed = said.lines().find(|line| line.contains(" passed")).unwrap();
    say(&format!("moto's tests: {}", passed.trim_matches(['=', ' '])));
    daemon.stop().await;
}

/// The environment with moto, which is made when it is not there.
fn environment() -> String {
    let lock = clients().join("requirements-moto.lock");
    let made = Command::new(localstack_script()).args(["environment", "moto"]).arg(lock).output();
    let made = made.unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}
