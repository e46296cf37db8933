//! How a consumer reads. Every value has a default that suits one reader of one queue.

use std::fmt;
use std::time::Duration;

/// What a consumer may take, and when it ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long one poll waits for a message; 1 to 20 seconds, default 20. Polls that do not wait
    /// would be a flood.
    pub wait_seconds: u32,
    /// How many messages one poll takes; 1 to 10, default 10.
    pub batch_messages_max: u32,
    /// For how long a message is hidden from other readers unless that is extended, which happens
    /// every half of it; 2 to 43,200 seconds, default 60.
    pub visibility_seconds: u32,
    /// How often a message must have been received before it counts as poison; default 5. A queue
    /// with a redrive policy of fewer receives moves it before.
    pub attempts_max: u32,
    /// What happens to poison.
    pub poison: Poison,
    /// How large a file may be as it is stored; default 64 MiB.
    pub compressed_bytes_max: usize,
    /// How much memory a file may take unpacked: its text and 128 bytes for each record; default
    /// 256 MiB. CloudTrail writes at most 50 MB in a file.
    pub uncompressed_bytes_max: usize,
    /// How many accepted records are remembered to suppress duplicates; default 1,000,000, which
    /// take 52 MB; 0 suppresses none.
    pub window_records: usize,
    /// End after so many polls in a row that brought no message; by default never.
    pub idle_polls_max: Option<u32>,
    /// End after the message with which so many records were accepted; by default never.
    pub records_max: Option<u64>,
}

/// What happens to a message that cannot be read, or whose file cannot, however often it is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poison {
    /// It stays in the queue, for the queue's own redrive policy; without one it comes again at
    /// growing intervals of up to a quarter of an hour until its retention ends.
    Leave,
    /// It is sent to the queue under this URL, with the reason as message attribute
    /// `cairn-reason`, and deleted once that has succeeded.
    DeadLetter(String),
}

impl Default for Options {
    fn default() -> Options {
        Options {
            wait_seconds: 20,
            batch_messages_max: 10,
            visibility_seconds: 60,
            attempts_max: 5,
            poison: Poison::Leave,
            compressed_bytes_max: 64 << 20,
            uncompressed_bytes_max: 256 << 20,
            window_records: 1_000_000,
            idle_polls_max: None,
            records_max: None,
        }
    }
}

impl Options {
    /// Finds all mistakes at once.
    pub(crate) fn check(&self) -> Result<(), InvalidOptions> {
        let ranges = [
            ("wait_seconds", self.wait_seconds, 1, 20),
            ("batch_messages_max", self.batch_messages_max, 1, 10),
            ("visibility_seconds", self.visibility_seconds, 2, 43_200),
            ("attempts_max", self.attempts_max, 1, 1_000),
        ];
        let wrong = ranges.iter().filter(|(_, value, least, most)| value < least || value > most);
        let mut mistakes: Vec<String> = wrong
            .map(|(name, value, least, most)| {
                format!("{name} = {value}: allowed {least} to {most}")
            })
            .collect();
        mistakes.extend(self.poison.mistake());
        if mistakes.is_empty() { Ok(()) } else { Err(InvalidOptions { mistakes }) }
    }

    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds.into())
    }

    pub(crate) fn visibility(&self) -> Duration {
        Duration::from_secs(self.visibility_seconds.into())
    }
}

impl Poison {
    fn mistake(&self) -> Option<String> {
        match self {
            // A FIFO queue demands a message group, which CloudTrail's messages do not have.
            Poison::DeadLetter(url) if url.ends_with(".fifo") || url.is_empty() => {
                Some(format!("poison = {url:?}: allowed is the URL of a standard queue"))
            }
            _ => None,
        }
    }
}

/// Options out of range; all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOptions {
    /// Each with name, value and allowed range.
    pub mistakes: Vec<String>,
}

impl fmt::Display for InvalidOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.mistakes.join("; "))
    }
}

impl std::error::Error for InvalidOptions {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_options_out_of_range_are_named_together() {
        assert_eq!(Options::default().check(), Ok(()));
        let wrong = Options {
            wait_seconds: 0,
            batch_messages_max: 11,
            visibility_seconds: 1,
            attempts_max: 0,
            poison: Poison::DeadLetter("https://sqs/1/dead.fifo".into()),
            ..Options::default()
        };
        let mistakes = wrong.check().unwrap_err().mistakes;
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
        assert_eq!(mistakes[0], "wait_seconds = 0: allowed 1 to 20");
    }
}
