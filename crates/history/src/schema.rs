//! The columns of a history file: what any engine that reads Parquet can query.
//!
//! ```text
//!   event_time  batch  batch_index     the row's position: files are sorted by these, newest first
//!   account  region  category          whose history the row is in
//!   event_name  user_identity{…}  …    what the record says, where it says it in the usual shape
//!   event_json                         the record, whole: the truth
//! ```
//!
//! What always holds: the first six columns and `event_json` are never null. Every other column is
//! null where the record has no such member, or one of another shape than CloudTrail's (a number in
//! place of a text); a row is never refused for that. A column never changes its meaning; a new
//! version only adds columns. Free-form members (`requestParameters`, …) have no columns: they are in
//! `event_json`. docs/history-schema.md says this to users, and a test compares.
//!
//! Source: AWS CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail Lake event schema".

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// The version of the columns, which each file tells under [`VERSION_KEY`].
pub const VERSION: u32 = 1;

/// Where a file tells its version, among the key-value pairs of its footer.
pub const VERSION_KEY: &str = "cairn.schema_version";

/// The column with the whole record.
pub const EVENT_JSON: &str = "event_json";

/// How many columns tell a row's position and scope: the first ones.
pub const HEAD_COLUMNS: usize = 6;

/// A column that is made from a member of a record.
#[derive(Debug)]
pub(crate) struct Member {
    /// The column.
    pub column: &'static str,
    /// The member, and what else it is called.
    pub names: &'static [&'static str],
    /// What it holds.
    pub kind: Kind,
}

/// What a member holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// `true` or `false`, perhaps as a text.
    Flag,
    /// A moment in one of CloudTrail's forms.
    Time,
    /// An object.
    Object(&'static [Member]),
    /// A list of objects.
    Objects(&'static [Member]),
}

const fn text(column: &'static str, names: &'static [&'static str]) -> Member {
    Member { column, names, kind: Kind::Text }
}

const fn flag(column: &'static str, names: &'static [&'static str]) -> Member {
    Member { column, names, kind: Kind::Flag }
}

const fn object(
    column: &'static str,
    names: &'static [&'static str],
    members: &'static [Member],
) -> Member {
    Member { column, names, kind: Kind::Object(members) }
}

/// No object has more members with columns than this.
pub(crate) const MEMBERS_MAX: usize = 32;

/// The columns that are made from a record.
pub(crate) const RECORD: &[Member] = &[
    text("event_version", &["eventVersion"]),
    object("user_identity", &["userIdentity"], USER_IDENTITY),
    text("event_source", &["eventSource"]),
    text("event_name", &["eventName"]),
    text("aws_region", &["awsRegion"]),
    text("source_ip_address", &["sourceIPAddress"]),
    text("user_agent", &["userAgent"]),
    text("error_code", &["errorCode"]),
    text("error_message", &["errorMessage"]),
    text("request_id", &["requestID"]),
    // Aggregated records spell it the second way.
    text("event_id", &["eventID", "eventId"]),
    flag("read_only", &["readOnly"]),
    Member { column: "resources", names: &["resources"], kind: Kind::Objects(RESOURCE) },
    text("event_type", &["eventType"]),
    text("api_version", &["apiVersion"]),
    flag("management_event", &["managementEvent"]),
    text("recipient_account_id", &["recipientAccountId"]),
    text("shared_event_id", &["sharedEventID"]),
    text("annotation", &["annotation"]),
    text("vpc_endpoint_id", &["vpcEndpointId"]),
    text("vpc_endpoint_account_id", &["vpcEndpointAccountId"]),
    text("event_category", &["eventCategory"]),
    object(
        "tls_details",
        &["tlsDetails"],
        &[
            text("tls_version", &["tlsVersion"]),
            text("cipher_suite", &["cipherSuite"]),
            text("client_provided_host_header", &["clientProvidedHostHeader"]),
            text("key_exchange", &["keyExchange"]),
        ],
    ),
    text("session_credential_from_console", &["sessionCredentialFromConsole"]),
];

const USER_IDENTITY: &[Member] = &[
    text("type", &["type"]),
    text("principal_id", &["principalId"]),
    text("arn", &["arn"]),
    text("account_id", &["accountId"]),
    text("access_key_id", &["accessKeyId"]),
    text("user_name", &["userName"]),
    object("session_context", &["sessionContext"], SESSION_CONTEXT),
    text("invoked_by", &["invokedBy"]),
    text("identity_provider", &["identityProvider"]),
    text("credential_id", &["credentialId"]),
    object(
        "on_behalf_of",
        &["onBehalfOf"],
        &[text("user_id", &["userId"]), text("identity_store_arn", &["identityStoreArn"])],
    ),
    object(
        "in_scope_of",
        &["inScopeOf"],
        &[
            text("source_arn", &["sourceArn"]),
            text("source_account", &["sourceAccount"]),
            text("issuer_type", &["issuerType"]),
            text("credentials_issued_to", &["credentialsIssuedTo"]),
        ],
    ),
];

const SESSION_CONTEXT: &[Member] = &[
    object(
        "session_issuer",
        &["sessionIssuer"],
        &[
            text("type", &["type"]),
            text("principal_id", &["principalId"]),
            text("arn", &["arn"]),
            text("account_id", &["accountId"]),
            text("user_name", &["userName"]),
        ],
    ),
    object(
        "attributes",
        &["attributes"],
        &[
            Member { column: "creation_date", names: &["creationDate"], kind: Kind::Time },
            text("mfa_authenticated", &["mfaAuthenticated"]),
        ],
    ),
    object(
        "web_id_federation_data",
        &["webIdFederationData"],
        &[text("federated_provider", &["federatedProvider"])],
    ),
    text("source_identity", &["sourceIdentity"]),
    text("ec2_role_delivery", &["ec2RoleDelivery"]),
    text("ec2_issued_in_vpc", &["ec2IssuedInVpc"]),
    flag("assumed_root", &["assumedRoot"]),
    text("sign_in_session_arn", &["signInSessionArn"]),
];

const RESOURCE: &[Member] = &[
    text("account_id", &["accountId"]),
    text("type", &["type"]),
    // Some that edit records spell it the second way.
    text("arn", &["ARN", "arn"]),
    text("arn_prefix", &["ARNPrefix"]),
];

/// The schema of a file.
#[must_use]
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let required = |name: &str, of: DataType| Field::new(name, of, false);
        let head = [
            required("event_time", time()),
            required("batch", DataType::Int64),
            required("batch_index", DataType::Int64),
            required("account", DataType::Utf8),
            required("region", DataType::Utf8),
            required("category", DataType::Utf8),
        ];
        let record = fields(RECORD);
        let record = record.iter().map(|field| Field::clone(field));
        let json = required(EVENT_JSON, DataType::Utf8);
        let all: Vec<Field> = head.into_iter().chain(record).chain([json]).collect();
        Arc::new(Schema::new(all))
    });
    Arc::clone(&SCHEMA)
}

/// The columns of an object's members; each may be null.
pub(crate) fn fields(members: &[Member]) -> Fields {
    members.iter().map(|member| Field::new(member.column, member.kind.data_type(), true)).collect()
}

/// Milliseconds since 1970-01-01T00:00:00Z.
fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

impl Kind {
    fn data_type(&self) -> DataType {
        match self {
            Kind::Text => DataType::Utf8,
            Kind::Flag => DataType::Boolean,
            Kind::Time => time(),
            Kind::Object(members) => DataType::Struct(fields(members)),
            Kind::Objects(members) => DataType::List(element(members)),
        }
    }
}

/// The element of a list of objects, by the name that the Parquet format gives it.
pub(crate) fn element(members: &[Member]) -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Struct(fields(members)), true))
}
