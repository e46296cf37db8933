//! Faults for real: for each, what callers see, what health and metrics say, what the operator is told
//! to do, that all recovers without help or stops without harm, and that what was acknowledged is in
//! S3 exactly once.
//!
//! | module | what fails |
//! | --- | --- |
//! | `s3`, `sns` | AWS, behind a proxy that is told how |
//! | `patience` | the same, under a clock that stands still: how often is asked |

mod clocks;
mod damage;
mod disk;
mod patience;
mod s3;
mod sns;
