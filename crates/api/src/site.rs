//! The world outside the operations: definitions and their change, the journal, AWS, randomness.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use keyring::PublishedKey;
use model::{AccountId, Region, Timestamp, TrailArn};
use trails::Definitions;
use uuid::Uuid;

use crate::exception::Exception;
use crate::lookup::Lookup;
use crate::operation::Check;

/// How a trail's deliveries fare, as GetTrailStatus tells it; named as there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailStatus {
    /// The last log file that arrived.
    pub latest_delivery_time: Option<Timestamp>,
    /// The code with which the bucket or the key refused last; none when all is well.
    pub latest_delivery_error: Option<String>,
    /// The last message that the topic took.
    pub latest_notification_time: Option<Timestamp>,
    /// The code with which the topic refused last.
    pub latest_notification_error: Option<String>,
    /// The last events that the log group took.
    pub latest_cloudwatch_logs_delivery_time: Option<Timestamp>,
    /// The code with which the log group refused last.
    pub latest_cloudwatch_logs_delivery_error: Option<String>,
    /// The last digest that arrived.
    pub latest_digest_delivery_time: Option<Timestamp>,
    /// The code with which the bucket or the key refused the last digest.
    pub latest_digest_delivery_error: Option<String>,
}

/// What a check outside found wrong: an exception for the caller.
pub type Problem = Exception;

/// What the API stands on. The daemon is one; tests have another in memory.
pub trait Site: Send + Sync {
    /// A change that nothing else comes between.
    type Change<'a>: Change
    where
        Self: 'a;

    /// The definitions in force.
    fn definitions(&self) -> Arc<Definitions>;

    /// How a trail's deliveries fare.
    fn status(&self, trail: &TrailArn) -> TrailStatus;

    /// The keys that sign digests of a Region and are valid at some moment from one to the other.
    fn public_keys(&self, region: &Region, from: Timestamp, to: Timestamp) -> Vec<PublishedKey>;

    /// What time it is.
    fn now(&self) -> Timestamp;

    /// The time since some fixed moment, which never goes back.
    fn uptime(&self) -> Duration;

    /// A UUID that nobody can foresee.
    fn draw(&self) -> Uuid;

    /// Tries outside what a plan needs. Of a key it returns the ARN.
    fn check(&self, check: &Check) -> impl Future<Output = Result<Option<String>, Problem>> + Send;

    /// Answers a lookup from the history ([`Lookup::answer`]), off the threads that serve.
    fn lookup(&self, lookup: Lookup) -> impl Future<Output = Result<Vec<u8>, Exception>> + Send;

    /// Makes the record of a call durable, filed under this account and Region.
    fn record(
        &self,
        account: &AccountId,
        region: &Region,
        record: Bytes,
    ) -> impl Future<Output = Result<(), Exception>> + Send;

    /// Counts a call that was answered and could not be recorded.
    fn count_unrecorded(&self);

    /// Begins a change: waits until no other is under way.
    fn begin(&self) -> impl Future<Output = Self::Change<'_>> + Send;
}

/// A change that is under way; dropped, it changes nothing.
pub trait Change: Send {
    /// The definitions in force, which nothing else changes meanwhile.
    fn definitions(&self) -> &Definitions;

    /// Whether these definitions, which an account asks for, can be kept: refuses with an exception
    /// for the caller when they take more than there is room for, or when too many such changes wait.
    fn check(&self, account: &AccountId, definitions: &Definitions) -> Result<(), Exception>;

    /// Makes the definitions these: durable, then in force.
    fn commit(self, definitions: Definitions)
    -> impl Future<Output = Result<(), Exception>> + Send;
}
