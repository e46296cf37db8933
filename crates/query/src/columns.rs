//! The columns of the table `events`: CloudTrail Lake's, by the names that records use.
//!
//! Source: AWS, "Supported SQL schema for CloudTrail event record fields". Columns are told apart by
//! their names without regard to case, so that `eventName` and `eventname` are one.

/// A column, or a field of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// As records spell it.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it says, for people.
    pub about: &'static str,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A moment, UTC, in milliseconds.
    Time,
    /// True or false.
    Bool,
    /// Texts by names: `element_at(requestParameters, 'bucketName')`. Values that are no text are JSON.
    Map,
    /// Resources: `resources[1].arn`.
    Resources,
    /// Fields: `userIdentity.arn`.
    Fields(&'static [Column]),
    /// The whole record, as it was recorded.
    Record,
}

impl Kind {
    /// As CloudTrail Lake names the type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Text | Kind::Record => "string",
            Kind::Time => "timestamp",
            Kind::Bool => "boolean",
            Kind::Map => "map<string,string>",
            Kind::Resources => "array<struct<accountId,type,ARN,ARNPrefix>>",
            Kind::Fields(_) => "struct",
        }
    }
}

const fn column(name: &'static str, kind: Kind, about: &'static str) -> Column {
    Column { name, kind, about }
}

const fn text(name: &'static str, about: &'static str) -> Column {
    column(name, Kind::Text, about)
}

const ATTRIBUTES: &[Column] = &[
    column("creationDate", Kind::Time, "when the session was issued"),
    text("mfaAuthenticated", "`true` or `false`"),
];

const SESSION_ISSUER: &[Column] = &[
    text("type", "`Role`, `IAMUser`, `Root`"),
    text("principalId", ""),
    text("arn", "the role's ARN"),
    text("accountId", ""),
    text("userName", "the role's name"),
];

const WEB_ID_FEDERATION: &[Column] =
    &[text("federatedProvider", ""), column("attributes", Kind::Map, "")];

const SESSION_CONTEXT: &[Column] = &[
    column("attributes", Kind::Fields(ATTRIBUTES), ""),
    column("sessionIssuer", Kind::Fields(SESSION_ISSUER), "what the session is of"),
    column("webIdFederationData", Kind::Fields(WEB_ID_FEDERATION), ""),
    text("sourceIdentity", ""),
    text("ec2RoleDelivery", ""),
    text("ec2IssuedInVpc", ""),
    column("assumedRoot", Kind::Bool, ""),
    text("signInSessionArn", ""),
];

const ON_BEHALF_OF: &[Column] = &[text("userId", ""), text("identityStoreArn", "")];

const IN_SCOPE_OF: &[Column] = &[
    text("sourceArn", ""),
    text("sourceAccount", ""),
    text("issuerType", ""),
    text("credentialsIssuedTo", ""),
];

const USER_IDENTITY: &[Column] = &[
    text("type", "`IAMUser`, `AssumedRole`, `Root`, `AWSService` …"),
    text("principalId", ""),
    text("arn", "who called"),
    text("accountId", "of whom"),
    text("accessKeyId", ""),
    text("userName", "an IAM user's name"),
    column("sessionContext", Kind::Fields(SESSION_CONTEXT), "of temporary credentials"),
    column("onBehalfOf", Kind::Fields(ON_BEHALF_OF), ""),
    column("inScopeOf", Kind::Fields(IN_SCOPE_OF), ""),
    text("invokedBy", "the service that called for somebody"),
    text("identityProvider", ""),
    text("credentialId", ""),
];

const TLS_DETAILS: &[Column] = &[
    text("tlsVersion", ""),
    text("cipherSuite", ""),
    text("clientProvidedHostHeader", ""),
    text("keyExchange", ""),
];

/// The columns, in CloudTrail Lake's order.
pub const COLUMNS: &[Column] = &[
    text("eventVersion", ""),
    column("userIdentity", Kind::Fields(USER_IDENTITY), "who called"),
    column("eventTime", Kind::Time, "when it happened"),
    text("eventSource", "the service: `s3.amazonaws.com`"),
    text("eventName", "the operation: `DeleteBucket`"),
    text("awsRegion", ""),
    text("sourceIPAddress", ""),
    text("userAgent", ""),
    text("errorCode", "null when the call was served"),
    text("errorMessage", ""),
    column("requestParameters", Kind::Map, "what was asked for"),
    column("responseElements", Kind::Map, "what was changed"),
    column("additionalEventData", Kind::Map, ""),
    text("requestID", ""),
    text("eventID", ""),
    column("readOnly", Kind::Bool, ""),
    column("resources", Kind::Resources, "what it is about"),
    text("eventType", "`AwsApiCall`, `AwsServiceEvent`, `AwsConsoleSignIn` …"),
    text("apiVersion", ""),
    column("managementEvent", Kind::Bool, ""),
    text("recipientAccountId", "whose history it is in"),
    text("sharedEventID", "the same in all accounts that see one event"),
    text("annotation", ""),
    text("vpcEndpointId", ""),
    text("vpcEndpointAccountId", ""),
    column("serviceEventDetails", Kind::Map, ""),
    column("addendum", Kind::Map, ""),
    column("edgeDeviceDetails", Kind::Map, ""),
    column("insightDetails", Kind::Map, ""),
    text("eventCategory", "`Management`, `Data`, `Insight` …"),
    column("tlsDetails", Kind::Fields(TLS_DETAILS), ""),
    text("sessionCredentialFromConsole", ""),
    column("eventJson", Kind::Record, "the whole record"),
];

/// A resource of the column `resources`.
pub(crate) const RESOURCE_FIELDS: [&str; 4] = ["accountId", "type", "ARN", "ARNPrefix"];

/// The columns and all their fields, each with its path: `userIdentity.arn`.
#[must_use]
pub fn all() -> Vec<(String, Column)> {
    fn add(prefix: &str, columns: &[Column], found: &mut Vec<(String, Column)>) {
        for column in columns {
            let path = format!("{prefix}{}", column.name);
            found.push((path.clone(), *column));
            if let Kind::Fields(fields) = column.kind {
                add(&format!("{path}."), fields, found);
            }
        }
    }
    let mut found = Vec::new();
    add("", COLUMNS, &mut found);
    found
}

/// How records spell a column, whatever its case.
pub(crate) fn spelled(name: &str) -> Option<&'static str> {
    COLUMNS.iter().map(|column| column.name).find(|known| known.eq_ignore_ascii_case(name))
}
