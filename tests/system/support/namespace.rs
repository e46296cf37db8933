//! A small disk of a test's own: a tmpfs that only the processes inside a user and mount namespace
//! see. Takes no rights of an administrator.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const HELP: &str = "this test needs unprivileged user and mount namespaces: allow them (on Debian `sysctl \
    kernel.unprivileged_userns_clone=1`, on Ubuntu `sysctl kernel.apparmor_restrict_unprivileged_userns=0`, \
    in Docker `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`), or set \
    CAIRN_SKIP_NAMESPACES=1 to leave out the tests that need them";

/// A namespace in which a directory is a disk of its own. The disk is gone when this is dropped.
pub struct Namespace {
    /// A process that does nothing but keep the namespace.
    holder: Child,
    directory: String,
}

impl Namespace {
    /// Makes `directory` a disk of so many bytes. `None` when tests that need it were asked to be
    /// left out. Fails when the system forbids it.
    pub fn with_disk(directory: &Path, bytes: u64) -> Option<Namespace> {
        if std::env::var("CAIRN_SKIP_NAMESPACES").is_ok_and(|value| value == "1") {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            let _ = writeln!(
                std::io::stderr(),
                "{test} was SKIPPED: it needs a namespace, and CAIRN_SKIP_NAMESPACES=1"
            );
            return None;
        }
        std::fs::create_dir_all(directory).unwrap();
        let directory = directory.to_str().unwrap().to_owned();
        let script =
            "mount -t tmpfs -o size=$2,mode=0700 cairn-test \"$1\" && echo mounted && exec cat";
        let size = bytes.to_string();
        let holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .args([&directory, &size])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut holder = holder.unwrap_or_else(|error| panic!("unshare: {error}; {HELP}"));
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line != "mounted\n" {
            let mut errors = String::new();
            holder.stderr.as_mut().unwrap().read_to_string(&mut errors).unwrap();
            holder.wait().unwrap();
            panic!("{}; {HELP}", errors.trim());
        }
        Some(Namespace { holder, directory })
    }

    /// What runs a program inside.
    pub fn launcher(&self) -> Vec<String> {
        let id = self.holder.id().to_string();
        let nsenter =
            ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", &id, "--"];
        nsenter.map(str::to_owned).to_vec()
    }

    /// Runs a script inside, in the directory, to its good end.
    pub fn run(&self, script: &str) -> String {
        let launcher = self.launcher();
        let script = format!("cd \"$1\" && {script}");
        let ran = Command::new(&launcher[0])
            .args(&launcher[1..])
            .args(["sh", "-c", &script, "sh", &self.directory])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{script}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
