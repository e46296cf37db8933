//! The caller of a request in the mode `localstack`, where nothing is verified.
//!
//! The account is derived as LocalStack does: an access key of 12 digits is the account, any other
//! key, or none, stands for 000000000000. The Region is that of the credential scope. Source of the
//! header's form: AWS General Reference, "Signature Version 4", `Authorization`.

use api::Caller;
use axum::http::{HeaderMap, header};
use model::{AccountId, Region};

const NOBODY: &str = "000000000000";
const DEFAULT_REGION: &str = "us-east-1";
/// The longest access key, in characters.
const ACCESS_KEY_MAX: usize = 128;

/// The caller that a request names: the root of its account.
#[must_use]
pub fn believed(headers: &HeaderMap) -> Caller {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let mut scope = authorization.and_then(credential_scope).unwrap_or_else(|| "".split('/'));
    let access_key = scope.next().unwrap_or_default();
    let region = scope.nth(1).and_then(|region| region.parse().ok());
    Caller::root(
        access_key.parse().unwrap_or_else(|_| constant::<AccountId>(NOBODY)),
        region.unwrap_or_else(|| constant::<Region>(DEFAULT_REGION)),
        access_key.chars().take(ACCESS_KEY_MAX).collect(),
    )
}

/// Whether this is LocalStack's account for credentials that name none: everybody's.
#[must_use]
pub fn is_everybody(account: &AccountId) -> bool {
    account.as_str() == NOBODY
}

/// `KEY/DATE/REGION/SERVICE/aws4_request` of `AWS4-HMAC-SHA256 Credential=…, …`.
fn credential_scope(authorization: &str) -> Option<std::str::Split<'_, char>> {
    let (_, rest) = authorization.strip_prefix("AWS4-HMAC-SHA256")?.split_once("Credential=")?;
    Some(rest.split([',', ' ']).next()?.split('/'))
}

fn constant<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("the constants of this module are valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authorization: &str, account: &str, region: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
        let caller = believed(&headers);
        assert_eq!(
            (caller.account.as_str(), caller.region.as_str()),
            (account, region),
            "{authorization}"
        );
    }

    #[test]
    fn the_account_is_derived_as_localstack_does() {
        check(
            "AWS4-HMAC-SHA256 Credential=111122223333/20260102/eu-west-1/cloudtrail-data/aws4_request, SignedHeaders=host, Signature=0",
            "111122223333",
            "eu-west-1",
        );
        check(
            "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=test/20260102/ap-south-1/x/aws4_request,Signature=0",
            "000000000000",
            "ap-south-1",
        );
        check("AWS4-HMAC-SHA256 Credential=test", "000000000000", "us-east-1");
        check("Bearer x", "000000000000", "us-east-1");
        assert_eq!(believed(&HeaderMap::new()).account.as_str(), "000000000000");
    }
}
