//! What helps against an error of AWS, for people: said by health and by `cairn doctor`.

/// What to do about an error, told by its text; `None` where a permission is missing, or nothing is
/// known.
#[must_use]
pub fn advice(error: &str) -> Option<&'static str> {
    let says = |parts: &[&str]| parts.iter().any(|part| error.contains(part));
    let advice = match () {
        () if says(&["NoSuchBucket"]) => {
            "the bucket does not exist: create it (aws s3 mb s3://NAME), or correct the configuration"
        }
        () if says(&["credentials"]) => {
            "no credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for LocalStack: eval \"$(localstack/localstack env)\""
        }
        () if says(&["InvalidResponse", "NotImplemented", "Http404"]) => {
            "something else than S3 answers: correct AWS_ENDPOINT_URL, or the proxy in between"
        }
        () if says(&["dispatch failure", "Unreachable", "Timeout", "NoAnswer"]) => {
            "nothing answers at the endpoint of AWS: start it, or correct AWS_ENDPOINT_URL or the network"
        }
        () if says(&["KMS.NotFound"]) => {
            "the key does not exist: correct kms_key of the trail, or restore the key"
        }
        () if says(&["(digests.kms_key)"]) && says(&["NotFound"]) => {
            "the key does not exist in that account and Region: correct digests.kms_key, or restore the key"
        }
        () if says(&["the role cannot be assumed"]) => {
            "see that the role exists and trusts the daemon's principal (sts:AssumeRole)"
        }
        () if says(&["the log group does not take records"]) => {
            "create the log group, and allow the role logs:CreateLogStream and logs:PutLogEvents on its streams"
        }
        () if says(&["NotFound:", "NotFoundException:"]) => {
            "the topic does not exist: create it, or list it under [[fanout]], which makes it"
        }
        () if says(&["SlowDown", "Throttl", "TooManyRequests", "Http429"]) => {
            "it is asked too often: nothing is to be done, unless this lasts for hours; then see who else asks"
        }
        () if says(&["InternalError", "InternalFailure", "ServiceUnavailable", "Http5"]) => {
            "it fails on its side: nothing is to be done, unless this lasts for hours; then see its status page"
        }
        () if says(&["spool cannot go on"]) => "free the disk of the data directory, or mend it",
        () => return None,
    };
    Some(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_gets_the_advice_that_helps() {
        for (error, wanted) in [
            ("AccessDenied: User is not authorized to perform: s3:PutObject", None),
            ("KMS.DisabledException: the key is disabled", None),
            ("NoSuchBucket: The specified bucket does not exist", Some("create it (aws s3 mb")),
            ("NotFound: Topic does not exist", Some("[[fanout]]")),
            ("KMS.NotFoundException: Key is not found", Some("the key does not exist")),
            ("the role cannot be assumed: AccessDenied: no", Some("sts:AssumeRole")),
            (
                "the KMS key alias/a (digests.kms_key) could not be used: NotFoundException: no",
                Some("correct digests.kms_key"),
            ),
            (
                "the log group does not take records: ResourceNotFoundException: no",
                Some("create the log group"),
            ),
            ("Unreachable: dispatch failure: io error: Connection refused", Some("start it")),
            ("Timeout: request has timed out", Some("start it")),
            ("SlowDown: Please reduce your request rate.", Some("nothing is to be done")),
            ("Throttling: Rate exceeded", Some("nothing is to be done")),
            ("InternalError: We encountered an internal error.", Some("status page")),
            ("InvalidResponse: the answer has no ETag", Some("something else than S3")),
            (
                "NotImplemented: the endpoint takes no PUT of a log file",
                Some("something else than S3"),
            ),
            (
                "Http404: the endpoint answered 404 and said nothing more",
                Some("something else than S3"),
            ),
            (
                "Unreachable: dispatch failure: other: no providers in chain provided credentials",
                Some("AWS_PROFILE"),
            ),
        ] {
            let found = advice(error);
            let is_right = match wanted {
                Some(part) => found.is_some_and(|advice| advice.contains(part)),
                None => found.is_none(),
            };
            assert!(is_right, "{error}: {found:?}");
        }
    }
}
