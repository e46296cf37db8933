//! JSON on its way to standard output, or to a file that may be a terminal. On a terminal it is
//! without commands for it, and in the order in which it is read; elsewhere it is what it is.
//!
//! JSON itself escapes the control characters of ASCII in texts, but not DEL, those of C1, which
//! terminals take for commands too, and marks that are not seen but do something, as turn the order
//! of letters. They can stand in texts only, and so they become `\uXXXX`: it is the same JSON. A
//! carriage return between texts becomes a blank.
//!
//! Source: the Unicode Character Database, general categories Cc, Cf, Zl and Zp.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

static IS_TERMINAL: LazyLock<bool> = LazyLock::new(|| io::stdout().is_terminal());

/// Stands for what is no UTF-8.
const NO_LETTER: &[u8] = "\u{fffd}".as_bytes();

/// A text of JSON, as standard output should have it.
pub(crate) fn for_stdout(json: &str) -> Cow<'_, str> {
    if *IS_TERMINAL { for_terminal(json) } else { Cow::Borrowed(json) }
}

fn for_terminal(json: &str) -> Cow<'_, str> {
    if !json.contains(is_command) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            '\r' => shown.push(' '),
            letter if is_command(letter) => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            letter => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// A line break or a tab between texts is none, nor is a mark that stands on a letter.
fn is_command(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'..='\u{891}'
        | '\u{8e2}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}' => true,
        letter => letter.is_control(),
    }
}

/// Where JSON is written in any parts.
pub(crate) struct JsonOut<W> {
    out: W,
    is_terminal: bool,
    /// A letter that has begun.
    begun: Vec<u8>,
}

impl<W: Write + IsTerminal> JsonOut<W> {
    pub(crate) fn new(out: W) -> JsonOut<W> {
        JsonOut { is_terminal: out.is_terminal(), out, begun: Vec::new() }
    }
}

impl<W: Write> Write for JsonOut<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return self.out.write(json);
        }
        let mut text = std::mem::take(&mut self.begun);
        text.extend_from_slice(json);
        let mut chunks = text.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.out.write_all(for_terminal(chunk.valid()).as_bytes())?;
            let invalid = chunk.invalid();
            let is_begun = str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if is_begun && chunks.peek().is_none() {
                self.begun = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.out.write_all(NO_LETTER)?;
            }
        }
        Ok(json.len())
    }

    /// What has begun by now does not go on.
    fn flush(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.begun).is_empty() {
            self.out.write_all(NO_LETTER)?;
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn written(json: &[u8], part_bytes: usize, is_terminal: bool) -> String {
        let mut out = JsonOut { out: Vec::new(), is_terminal, begun: Vec::new() };
        for part in json.chunks(part_bytes) {
            out.write_all(part).unwrap();
        }
        out.flush().unwrap();
        String::from_utf8(out.out).unwrap()
    }

    #[test]
    fn commands_are_escaped_and_texts_of_people_are_not() {
        let json =
            "{\"a\":\"\u{9b}31m\u{7f}é東\u{202e}\u{2066}\",\r\n\t\"b\":\"\u{1f600}\u{e0001}\"}\n";
        let shown = r#"{"a":"\u009b31m\u007fé東\u202e\u2066", "#.to_owned()
            + "\n\t"
            + "\"b\":\"\u{1f600}\\udb40\\udc01\"}\n";
        for part_bytes in 1..json.len() {
            assert_eq!(written(json.as_bytes(), part_bytes, true), shown);
        }
        assert_eq!(written(json.as_bytes(), 3, false), json);
    }

    #[test]
    fn letters_of_people_stay_though_they_are_made_of_parts() {
        let json = "\"e\u{301} ที่ กำ हिन्दी \u{2764}\u{fe0f} a\u{a0}b\"";
        assert_eq!(written(json.as_bytes(), 1, true), json);
    }

    #[test]
    fn what_is_no_utf_8_is_seen_to_be_none_in_its_place() {
        for (json, shown) in [
            (&b"\"\x9b\""[..], "\"\u{fffd}\""),
            (b"a\xe2\x82b\xe2\x82\xacc", "a\u{fffd}b€c"),
            (b"a\xe2\x82\xe2\x82\xac", "a\u{fffd}€"),
            (b"a\xf0\x9f\x98", "a\u{fffd}"),
            (b"a\xe2\x82\xff", "a\u{fffd}\u{fffd}"),
        ] {
            for part_bytes in 1..=json.len() {
                assert_eq!(written(json, part_bytes, true), shown, "{part_bytes}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_the_same_json(text in any::<String>(), part_bytes in 1_usize..9) {
            let json = serde_json::to_string(&text).unwrap();
            let shown = written(json.as_bytes(), part_bytes, true);
            prop_assert!(!shown.contains(is_command), "{}", shown);
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), Value::String(text));
        }
    }
}
