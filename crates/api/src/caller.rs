//! Who calls, and where: one account and one Region.

use model::ids::partition_of;
use model::{AccountId, Region};
use serde_json::{Value, json};

/// The caller of a request, who is known by now.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account that the call acts in.
    pub account: AccountId,
    /// The Region that it acts in: that of the credential scope.
    pub region: Region,
    /// The access key that signed.
    pub access_key: String,
}

impl Caller {
    /// `userIdentity` of the call's record.
    #[must_use]
    pub fn user_identity(&self) -> Value {
        json!({
            "type": "Root",
            "principalId": self.account,
            "arn": format!("arn:{}:iam::{}:root", partition_of(&self.region), self.account),
            "accountId": self.account,
            "accessKeyId": self.access_key,
        })
    }
}
