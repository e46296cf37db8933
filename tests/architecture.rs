//! The architecture, as a test: what depends on what, which licences come along, and that no page
//! of the documentation names a file that is not there.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate may depend only on crates of a line above its own.
const LAYERS: &[&[&str]] = &[
    &["model", "disk", "sigv4"],
    &["trails", "outbox", "accounts", "keyring"],
    &["producer", "delivery", "notifier", "history", "tail", "integrity"],
    &["consumer", "api", "query"],
    &["daemon"],
];

/// Crates that know nothing of the network, of async, or of clocks.
const PURE: &[&str] =
    &["model", "disk", "sigv4", "trails", "outbox", "accounts", "history", "tail"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The names under `[dependencies]` of a crate's manifest.
fn dependencies(name: &str) -> BTreeSet<String> {
    let path = top().join("crates").join(name).join("Cargo.toml");
    let manifest = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn dependencies_point_downwards() {
    for (height, layer) in LAYERS.iter().enumerate() {
        for name in *layer {
            let dependencies = dependencies(name);
            for forbidden in LAYERS[height..].iter().flat_map(|layer| layer.iter()) {
                assert!(
                    !dependencies.contains(*forbidden),
                    "{name} must not depend on {forbidden}"
                );
            }
        }
    }
}

#[test]
fn every_crate_has_its_layer() {
    let known: BTreeSet<&str> = LAYERS.concat().into_iter().collect();
    for entry in fs::read_dir(top().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            known.contains(name.as_str()),
            "crate {name} has no layer in tests/architecture.rs"
        );
    }
}

#[test]
fn the_lower_layers_are_pure() {
    for name in PURE {
        for forbidden in
            ["tokio", "rand", "aws-config", "aws-sdk-s3", "aws-sdk-sns", "aws-sdk-sqs", "axum"]
        {
            assert!(
                !dependencies(name).contains(forbidden),
                "{name} must not depend on {forbidden}"
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    let mut without = Vec::new();
    for file in sources(&top().join("crates")) {
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//!") {
            without.push(file);
        }
    }
    assert!(without.is_empty(), "modules without a header: {without:?}");
}

#[test]
fn the_documentation_names_only_files_that_exist() {
    for page in ["README.md", "ARCHITECTURE.md", "localstack/README.md", "deploy/README.md"] {
        let path = top().join(page);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
            let file = path.parent().unwrap().join(target);
            assert!(file.exists(), "{page} links to {target}, which is not there");
        }
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
