//! Faults for real: for each, what callers see, what health and metrics say, what the operator is told
//! to do, that all recovers without help or stops without harm, and that what was acknowledged is in
//! S3 exactly once. `deploy/README.md` tells operators the same.
//!
//! | module | what fails |
//! | --- | --- |
//! | `s3`, `sns` | AWS, behind a proxy that is told how |
//! | `patience` | the same, under a clock that the test moves: how often is asked, and for how long |
//! | `disk` | the disk: full, read-only, refusing a write; no file descriptors |
//! | `damage` | what is on it |
//! | `clocks` | the time of day |
//! | `processes` | two daemons where there should be one; one that stands still |

use std::fs;
use std::path::Path;

mod clocks;
mod damage;
mod disk;
mod patience;
mod processes;
mod s3;
mod sns;

fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_directory(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}
