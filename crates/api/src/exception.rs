//! Why a call is refused, as AWS says it.

use std::fmt;

const MESSAGE_CHARACTERS_MAX: usize = 4096;

/// An exception of the API: its short name, its message, and the status of HTTP. All that CloudTrail
/// declares are 400; what the SDKs should try again is 5xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// `TrailNotFoundException`, …
    pub code: &'static str,
    /// For the caller.
    pub message: String,
    /// 400, 500 or 503.
    pub status: u16,
}

impl Exception {
    /// One that CloudTrail declares: 400.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Exception {
        let mut message = message.into();
        // Messages quote callers, who may have sent megabytes.
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARACTERS_MAX) {
            message.truncate(end);
        }
        Exception { code, message, status: 400 }
    }

    /// Something failed here that is no business of the caller's; the log has it.
    #[must_use]
    pub fn internal() -> Exception {
        let message = "An internal error occurred; the log of the daemon says more. Try again.";
        Exception { code: "InternalFailure", message: message.into(), status: 500 }
    }

    /// The journal takes nothing now, so that nothing may change.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Exception {
        let code = "ServiceUnavailableException";
        Exception { code, message: message.into(), status: 503 }
    }

    /// Too much is asked at a time. The SDKs wait and try again.
    #[must_use]
    pub fn throttled(message: impl Into<String>) -> Exception {
        Exception::new("ThrottlingException", message)
    }

    /// The body is not what the operation takes.
    #[must_use]
    pub fn serialization(message: impl Into<String>) -> Exception {
        Exception::new("SerializationException", message)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}
