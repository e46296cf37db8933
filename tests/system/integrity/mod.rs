//! Digests as those who check them meet them: the unmodified `aws cloudtrail validate-logs` and
//! `cairn validate`, on a real LocalStack.
//!
//! | module | what it proves |
//! | --- | --- |
//! | `accepted` | chains that a daemon wrote, a digest each second: the aws command line finds every chain valid, whole and of the size that S3 holds |
//! | `interrupted` | the same after `kill -9`, after a bucket refused, and with KMS |
//! | `tampered` | a table of tamperings: what either validator says of each (`tamperings.md`) |
//!
//! | module | what they stand on |
//! | --- | --- |
//! | `holdings` | what S3 holds, read and checked by rules of this suite's own |
//! | `aws` | the aws command line, and what it must say of a chain |
//! | `stand_in` | Organizations' `DescribeOrganization`, which LocalStack does not have |
//! | `forger` | changes to what S3 holds, also by somebody who has the private key |

mod accepted;
mod aws;
mod forger;
mod holdings;
mod interrupted;
mod stand_in;
mod tampered;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::cairn::Site;
use crate::support::wait::eventually;

/// The time that a digest is of.
const SECOND: Duration = Duration::from_secs(1);
/// The same as configuration.
const SHORT: &str = "[digests]\ninterval = \"1s\"\n";

/// Waits until no chain is left that will have another digest.
async fn all_chains_are_over(site: &Site) {
    eventually("the last digests are written", async || {
        let files = std::fs::read_dir(site.data().join("digests")).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let mut chains = paths.filter(|path| !path.ends_with("trails.json"));
        let mut waiting = std::fs::read_dir(site.data().join("receipts")).unwrap();
        (chains.all(|path| is_over(&path)) && waiting.next().is_none()).then_some(())
    })
    .await;
}

/// Whether a chain has its final digest. Of a stopped trail it stays; one that is just replaced or removed
/// is looked at again.
fn is_over(path: &Path) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return false };
    let Ok(document) = serde_json::from_slice::<Value>(&bytes) else { return false };
    let chain = &document["state"];
    chain["is_ended"] == true && chain["prepared"].is_null()
}
