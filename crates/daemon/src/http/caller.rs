//! The caller of a request in the mode `localstack`, where nothing is verified.
//!
//! The account is derived as LocalStack does: an access key of 12 digits is the account, any other
//! key, or none, stands for 000000000000. The Region is that of the credential scope, which stands
//! in the header or, of a presigned URL, in the query. Source of their forms: AWS General
//! Reference, "Signature Version 4", `Authorization` and `X-Amz-Credential`.

use api::Caller;
use axum::extract::Query;
use axum::http::header;
use axum::http::request::Parts;
use model::{AccountId, Region};

const NOBODY: &str = "000000000000";
const DEFAULT_REGION: &str = "us-east-1";
/// The longest access key, in characters.
const ACCESS_KEY_MAX: usize = 128;

/// The caller that a request names: the root of its account.
#[must_use]
pub fn believed(head: &Parts) -> Caller {
    let authorization =
        head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let scope = authorization.and_then(of_header).map(str::to_owned).or_else(|| of_query(head));
    let scope = scope.unwrap_or_default();
    let mut scope = scope.split('/');
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
fn of_header(authorization: &str) -> Option<&str> {
    let (_, rest) = authorization.strip_prefix("AWS4-HMAC-SHA256")?.split_once("Credential=")?;
    rest.split([',', ' ']).next()
}

/// The same of `X-Amz-Credential=…`.
fn of_query(head: &Parts) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&head.uri).ok()?;
    pairs.into_iter().find(|(name, _)| name == "X-Amz-Credential").map(|(_, scope)| scope)
}

fn constant<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("the constants of this module are valid")
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn check(authorization: Option<&str>, query: &str, account: &str, region: &str) {
        let mut request = Request::get(format!("/v1/history?{query}"));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let caller = believed(&request.body(()).unwrap().into_parts().0);
        let believed = (caller.account.as_str(), caller.region.as_str());
        assert_eq!(believed, (account, region), "{authorization:?} {query}");
    }

    #[test]
    fn the_account_is_derived_as_localstack_does() {
        for (authorization, account, region) in [
            (
                "AWS4-HMAC-SHA256 Credential=111122223333/20260102/eu-west-1/cloudtrail-data/aws4_request, SignedHeaders=host, Signature=0",
                "111122223333",
                "eu-west-1",
            ),
            (
                "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=test/20260102/ap-south-1/x/aws4_request,Signature=0",
                NOBODY,
                "ap-south-1",
            ),
            ("AWS4-HMAC-SHA256 Credential=test", NOBODY, "us-east-1"),
            ("Bearer x", NOBODY, "us-east-1"),
        ] {
            check(Some(authorization), "", account, region);
        }
        check(None, "", NOBODY, "us-east-1");
    }

    #[test]
    fn a_presigned_url_says_it_in_its_query() {
        let scope =
            "X-Amz-Credential=111122223333%2F20260102%2Feu-west-1%2Fcloudtrail%2Faws4_request";
        let query =
            format!("format=csv&X-Amz-Algorithm=AWS4-HMAC-SHA256&{scope}&X-Amz-Signature=0");
        check(None, &query, "111122223333", "eu-west-1");
        let header = "AWS4-HMAC-SHA256 Credential=444455556666/20260102/us-west-2/x/aws4_request";
        check(Some(header), &query, "444455556666", "us-west-2");
        check(None, "X-Amz-Credential=%ff", NOBODY, "us-east-1");
    }
}
