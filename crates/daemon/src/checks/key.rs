//! Whether a trail's KMS key makes data keys for it, and which ARN it has.
//!
//! `kms:GenerateDataKey` is what S3 will ask of it; its answer names the key by its ARN, whatever
//! named it. So `kms:DescribeKey` is not needed, which AWS does not insist on either. A bare alias or
//! id is of the trail's own account and home Region.
//! Source: CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail".

use aws_sdk_kms::Client;
use aws_sdk_kms::config::Region;
use aws_sdk_kms::types::DataKeySpec;
use model::TrailArn;
use model::ids::partition_of;
use notifier::failure::Failure;
use trails::Trail;

use super::Found;

/// What a key is named by, made an ARN.
pub(super) struct Reference {
    pub(super) arn: String,
    region: model::Region,
}

impl Reference {
    /// Reads `alias/NAME`, a key id, or the ARN of either.
    pub(super) fn parse(named: &str, trail: &TrailArn) -> Option<Reference> {
        let resource = if is_key_id(named) { format!("key/{named}") } else { named.to_owned() };
        if is_resource(&resource) {
            let region = trail.home_region.clone();
            let arn =
                format!("arn:{}:kms:{region}:{}:{resource}", partition_of(&region), trail.account);
            return Some(Reference { arn, region });
        }
        region_of(named).map(|region| Reference { arn: named.to_owned(), region })
    }
}

/// Whether a KMS key may be named so: `alias/NAME`, a key id, or the ARN of either.
pub(crate) fn is_key_name(text: &str) -> bool {
    is_key_id(text) || text.starts_with("alias/") && is_resource(text) || region_of(text).is_some()
}

/// The Region of a key's or an alias's ARN; `None` when it is none.
fn region_of(arn: &str) -> Option<model::Region> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, "kms", region, account, resource] = parts.as_slice() else {
        return None;
    };
    let region: model::Region = region.parse().ok()?;
    let is_valid = partition == partition_of(&region)
        && account.parse::<model::AccountId>().is_ok()
        && is_resource(resource);
    is_valid.then_some(region)
}

/// `alias/NAME` or `key/ID`.
fn is_resource(text: &str) -> bool {
    if let Some(id) = text.strip_prefix("key/") {
        return is_key_id(id);
    }
    text.strip_prefix("alias/").is_some_and(|name| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        (1..=256).contains(&name.len()) && name.bytes().all(fits)
    })
}

/// A UUID, or of a key in several Regions `mrk-` and 32 hexadecimal digits.
fn is_key_id(text: &str) -> bool {
    match text.strip_prefix("mrk-") {
        Some(digits) => digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => text.len() == 36 && uuid::Uuid::parse_str(text).is_ok(),
    }
}

/// Makes a data key as S3 will for the trail's objects, and returns the key's ARN.
pub(super) async fn check(
    config: &aws_sdk_kms::Config,
    named: &str,
    trail: &Trail,
) -> Result<Option<String>, Found> {
    let reference = Reference::parse(named, &trail.arn)
        .ok_or_else(|| not_found(named, &"it is no key id, alias or ARN of either"))?;
    let region = Region::new(reference.region.as_str().to_owned());
    let client = Client::from_conf(config.to_builder().region(region).build());
    let asked = client.generate_data_key().key_id(&reference.arn).key_spec(DataKeySpec::Aes256);
    let asked = asked.encryption_context("aws:cloudtrail:arn", trail.arn.to_string());
    match asked.send().await.map_err(|error| Failure::of(&error)) {
        Ok(answer) => match answer.key_id.filter(|arn| arn.starts_with("arn:")) {
            Some(arn) => Ok(Some(arn)),
            None => Err(Found::unknown(&"the answer of KMS does not say which key it used")),
        },
        Err(failure) if !failure.is_refusal => Err(Found::unknown(&failure)),
        Err(failure) => {
            let trail = Trail { kms_key: Some(named.to_owned()), ..trail.clone() };
            Err(found(&trail, &failure.code, &failure.message, &failure))
        }
    }
}

/// What an error of KMS says of the trail's key, to KMS's own caller or through S3.
pub(super) fn found(trail: &Trail, code: &str, message: &str, cause: &impl ToString) -> Found {
    let named = trail.kms_key.as_deref().unwrap_or("(none)");
    match code {
        // The key of another Region than the bucket's.
        "NotFoundException" if message.starts_with("Invalid arn") => not_found(named, cause),
        "InvalidArnException" | "ValidationException" => not_found(named, cause),
        "NotFoundException" | "AccessDenied" | "AccessDeniedException" => {
            let message = format!(
                "Insufficient permissions to access S3 bucket {} or KMS key {named}.",
                trail.bucket
            );
            Found::refused("InsufficientEncryptionPolicyException", message, cause)
        }
        "DisabledException"
        | "KMSInvalidStateException"
        | "InvalidStateException"
        | "InvalidKeyUsageException"
        | "UnsupportedOperationException" => {
            let message = format!(
                "KMS key {named} cannot be used: it must be a symmetric encryption key that is \
                 enabled and not pending deletion."
            );
            Found::refused("KmsException", message, cause)
        }
        _ => Found::unknown(cause),
    }
}

fn not_found(named: &str, cause: &impl ToString) -> Found {
    let message = format!(
        "KMS key {named} is not found. Name a key of the bucket's Region by its id, alias or ARN."
    );
    Found::refused("KmsKeyNotFoundException", message, cause)
}
