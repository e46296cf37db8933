//! Counts the events of a download as it comes, without reading them.

use crate::export::Format;

/// The count, and where in the text it is.
pub(super) struct Tally {
    format: Format,
    /// Events that came whole.
    pub(super) count: u64,
    /// Within quotes.
    is_text: bool,
    /// Behind a backslash, in a text of JSON.
    is_escaped: bool,
    /// Objects and arrays around it, in JSON.
    depth: u32,
    is_header: bool,
}

/// Records stand in the array in the object.
const RECORDS_DEPTH: u32 = 2;

impl Tally {
    pub(super) fn new(format: Format) -> Tally {
        let is_header = format == Format::Csv;
        Tally { format, count: 0, is_text: false, is_escaped: false, depth: 0, is_header }
    }

    /// Takes what comes next.
    pub(super) fn take(&mut self, data: &[u8]) {
        for byte in data {
            match self.format {
                Format::Ndjson => self.count += u64::from(*byte == b'\n'),
                Format::Csv => self.take_csv(*byte),
                Format::Json => self.take_json(*byte),
            }
        }
    }

    fn take_csv(&mut self, byte: u8) {
        match byte {
            b'"' => self.is_text = !self.is_text,
            b'\n' if !self.is_text => {
                self.count += u64::from(!std::mem::replace(&mut self.is_header, false));
            }
            _ => {}
        }
    }

    fn take_json(&mut self, byte: u8) {
        if self.is_text {
            self.is_text = byte != b'"' || self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            return;
        }
        match byte {
            b'"' => self.is_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.count += u64::from(byte == b'}' && self.depth == RECORDS_DEPTH);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::Writer;

    fn record() -> impl Strategy<Value = String> {
        ("\\PC{0,8}", any::<String>(), prop_oneof![Just(""), Just("\n"), Just(" ")]).prop_map(
            |(name, agent, blank)| {
                let text = |text: &str| serde_json::to_string(text).unwrap();
                let (name, agent) = (text(&name), text(&format!("{agent}\n\"}}]{{\\")));
                format!("{{{blank}\"eventName\":{name},\"userAgent\":{agent},\"a\":[{{}},[]]}}")
            },
        )
    }

    proptest! {
        #[test]
        fn every_event_is_counted_once(
            records in proptest::collection::vec(record(), 0..6),
            cut in 1_usize..40,
        ) {
            for format in Format::ALL {
                let (mut writer, mut out) = (Writer::new(format), Vec::new());
                writer.begin(&mut out);
                for record in &records {
                    writer.record(record.as_bytes(), &mut out);
                }
                writer.end(&mut out);
                let mut tally = Tally::new(format);
                for part in out.chunks(cut) {
                    tally.take(part);
                }
                prop_assert_eq!(tally.count, records.len() as u64, "{:?}", format);
            }
        }
    }
}
