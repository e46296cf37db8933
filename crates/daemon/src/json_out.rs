//! JSON on its way to standard output. On a terminal it is without commands for it, and in the order in
//! which it is read; elsewhere it is what it is.
//!
//! JSON itself escapes the control characters of ASCII in texts, but not DEL, those of C1, which terminals
//! take for commands too, and marks that turn the order of letters. They can stand in texts only, and so
//! they become `\uXXXX`: it is the same JSON. A carriage return between texts becomes a blank.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Stdout, Write};

/// A text of JSON, as standard output should have it.
pub(crate) fn for_stdout(json: &str) -> Cow<'_, str> {
    if io::stdout().is_terminal() { for_terminal(json) } else { Cow::Borrowed(json) }
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

/// As tables have it; but a line break or a tab between texts is none.
fn is_command(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        letter if letter.is_ascii() => letter.is_ascii_control(),
        letter => letter.escape_debug().len() > 1,
    }
}

/// Standard output, to which JSON is written in any parts.
pub(crate) struct JsonOut<W = Stdout> {
    out: W,
    is_terminal: bool,
    /// A letter that has begun.
    begun: Vec<u8>,
}

impl JsonOut {
    pub(crate) fn stdout() -> JsonOut {
        let out = io::stdout();
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
        for chunk in text.utf8_chunks() {
            self.out.write_all(for_terminal(chunk.valid()).as_bytes())?;
            match str::from_utf8(chunk.invalid()) {
                Err(error) if error.error_len().is_none() => self.begun = chunk.invalid().to_vec(),
                Err(_) => self.out.write_all("\u{fffd}".as_bytes())?,
                Ok(_) => {}
            }
        }
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
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
        assert_eq!(written(b"\"\x9b\"", 1, true), "\"\u{fffd}\"");
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
