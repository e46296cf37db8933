//! The targets under libFuzzer, which looks for inputs that reach code that no other reached.
//! `tests/fuzz/run` builds and starts it; `CAIRN_FUZZ_TARGET` says which target.
#![no_main]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use cairn_fuzz::{TARGETS, Target};

/// The target; `list` in its place prints the names of all.
fn target() -> Option<&'static Target> {
    static TARGET: OnceLock<Option<&'static Target>> = OnceLock::new();
    *TARGET.get_or_init(|| {
        let name = std::env::var("CAIRN_FUZZ_TARGET").unwrap_or_default();
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        if name == "list" {
            let mut out = std::io::stdout();
            out.write_all((names.join("\n") + "\n").as_bytes()).expect("somebody listens");
            return None;
        }
        let target = cairn_fuzz::named(&name);
        assert!(target.is_some(), "CAIRN_FUZZ_TARGET={name} is none of {}", names.join(", "));
        target
    })
}

/// Writes the seeds and the dictionary where libFuzzer is about to look for them.
fn prepare() {
    let (Some(target), Some(folder)) = (target(), std::env::var_os("CAIRN_FUZZ_CORPUS")) else {
        return;
    };
    let folder = Path::new(&folder);
    for (number, seed) in (target.seeds)().into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), seed).expect("a folder");
    }
    let hex = |word: &&str| word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let words: Vec<String> =
        target.words.iter().map(|word| format!("\"{}\"\n", hex(word))).collect();
    let words = format!("# {}\n{}", target.name, words.concat());
    fs::write(folder.with_extension("words"), words).expect("a folder");
}

libfuzzer_sys::fuzz_target!(
    init: prepare(),
    |input: &[u8]| {
        if let Some(target) = target() {
            (target.run)(input);
        }
    }
);
