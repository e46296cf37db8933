//! Splits a stream of bytes into CloudTrail records, in bounded memory.
//!
//! Taken, in any mixture: one record a line (NDJSON); `{"Records":[…]}`, as in CloudTrail's own
//! files; a JSON array of records. White space between them is skipped. A record inside an array may
//! span lines, a record outside one stands on one line.
//!
//! Records are cut out here, not checked: an array's records by their braces, lines by their ends.
//! `{"Records":[` may itself span lines; what only began like it is taken line by line.
//! So one bad record spoils no other; only an array that is not one (something else than `,` or `]`
//! after a record) ends the stream, because nothing tells where the next record would begin.

use std::cell::LazyCell;

use bytes::Bytes;

/// Longer records are refused without being held: CloudTrail's cuts bring no more than this within
/// its limits in practice.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// What is kept of a record's memory for the next one.
const KEPT_BYTES_MAX: usize = 64 << 10;
const CONTAINER: &[u8] = b"{\"Records\":[";

/// What was found in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The bytes of one record, without white space around it.
    Record(Bytes),
    /// A record longer than [`RECORD_BYTES_MAX`]; it was skipped.
    TooLong,
}

/// The stream is not what it began as; nothing after `offset` was read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the body: found {found}, expected {expected}")]
pub struct BrokenStream {
    /// Where, in bytes of the uncompressed body.
    pub offset: u64,
    /// What is there.
    pub found: String,
    /// What should be.
    pub expected: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Between records, outside arrays.
    Start,
    /// Inside what may become `{"Records":[`; so many of its bytes are matched.
    Opening(usize),
    /// Inside a line.
    Line,
    /// Inside an array, before a record or the end.
    Array,
    /// Inside an array, inside a record.
    Value(Place),
    /// Inside an array, behind a record.
    Behind,
    /// Behind the array of `{"Records":[…]`, before its brace.
    Closing,
}

/// Where a record inside an array stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// Brackets that are open.
    depth: u64,
    in_string: bool,
    /// Behind a backslash.
    is_escaped: bool,
}

impl Place {
    /// How many bytes belong to the record: all, or those up to its last brace.
    fn follow(&mut self, rest: &[u8]) -> usize {
        let mut at = 0;
        while at < rest.len() && self.depth > 0 {
            if self.is_escaped {
                self.is_escaped = false;
            } else if self.in_string {
                let Some(mark) = memchr::memchr2(b'"', b'\\', &rest[at..]) else {
                    return rest.len();
                };
                at += mark;
                self.is_escaped = rest[at] == b'\\';
                self.in_string = self.is_escaped;
            } else {
                match rest[at] {
                    b'"' => self.in_string = true,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
            }
            at += 1;
        }
        at
    }
}

/// The splitter; feed it with [`Splitter::push`], and end with [`Splitter::finish`].
#[derive(Debug)]
pub struct Splitter {
    state: State,
    record: Vec<u8>,
    /// Lines of what may become `{"Records":[`: one for each of its tokens at most.
    lines: Vec<Piece>,
    is_too_long: bool,
    in_container: bool,
    offset: u64,
}

impl Default for Splitter {
    fn default() -> Splitter {
        Splitter {
            state: State::Start,
            record: Vec::new(),
            lines: Vec::new(),
            is_too_long: false,
            in_container: false,
            offset: 0,
        }
    }
}

impl Splitter {
    /// Reads more of the stream and gives the records that end in it.
    pub fn push(&mut self, chunk: &[u8], pieces: &mut Vec<Piece>) -> Result<(), BrokenStream> {
        let mut rest = chunk;
        // The records that stand whole in a chunk share one copy of it.
        let copy = LazyCell::new(|| Bytes::copy_from_slice(chunk));
        while let Some(byte) = rest.first() {
            // Most bytes of a record mean nothing here: they are taken at once.
            let taken = match self.state {
                State::Line => self.line(rest, pieces),
                State::Value(place) => self.value(rest, place, pieces),
                State::Start if let Some(line) = whole_record(rest) => {
                    let start = chunk.len() - rest.len();
                    pieces.push(Piece::Record(copy.slice(start..start + line.len())));
                    line.len()
                }
                _ => {
                    self.step(*byte, pieces)?;
                    1
                }
            };
            self.offset += taken as u64;
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// The memory that it holds for records whose ends are still to come.
    #[must_use]
    pub fn held(&self) -> usize {
        let lines = self.lines.iter().map(|piece| match piece {
            Piece::Record(line) => line.len(),
            Piece::TooLong => 0,
        });
        self.record.capacity() + lines.sum::<usize>()
    }

    /// The stream has ended: gives the last line's record, or tells what is missing.
    pub fn finish(mut self, pieces: &mut Vec<Piece>) -> Result<(), BrokenStream> {
        match self.state {
            State::Start => Ok(()),
            State::Line | State::Opening(_) => {
                pieces.append(&mut self.lines);
                self.end_record(pieces);
                Ok(())
            }
            State::Closing => Err(self.broken("the end".into(), "} of {\"Records\":[…]}")),
            _ => Err(self.broken("the end".into(), "the ] that ends the array of records")),
        }
    }

    fn step(&mut self, byte: u8, pieces: &mut Vec<Piece>) -> Result<(), BrokenStream> {
        match self.state {
            State::Start => self.start(byte),
            State::Opening(matched) => self.opening(byte, matched, pieces),
            State::Array => return self.array(byte),
            State::Behind => return self.behind(byte),
            State::Closing => return self.closing(byte),
            State::Line | State::Value(_) => unreachable!("records are taken whole"),
        }
        Ok(())
    }

    fn start(&mut self, byte: u8) {
        match byte {
            _ if is_blank(byte) => {}
            b'[' => self.state = State::Array,
            b'{' => {
                self.keep(byte);
                self.state = State::Opening(1);
            }
            _ => {
                self.keep(byte);
                self.state = State::Line;
            }
        }
    }

    fn opening(&mut self, byte: u8, matched: usize, pieces: &mut Vec<Piece>) {
        let is_line_empty = self.record.is_empty() && !self.is_too_long;
        if byte == CONTAINER[matched] {
            self.keep(byte);
            self.state = State::Opening(matched + 1);
            if matched + 1 == CONTAINER.len() {
                self.record.clear();
                self.lines.clear();
                self.is_too_long = false;
                self.in_container = true;
                self.state = State::Array;
            }
        } else if is_blank(byte) && !is_inside_name(matched) {
            if byte == b'\n' {
                let mut lines = std::mem::take(&mut self.lines);
                self.end_record(&mut lines);
                self.lines = lines;
            } else if !is_line_empty {
                self.keep(byte);
            }
        } else {
            pieces.append(&mut self.lines);
            if byte == b'\n' {
                self.end_record(pieces);
                self.state = State::Start;
            } else if is_line_empty {
                self.start(byte);
            } else {
                self.keep(byte);
                self.state = State::Line;
            }
        }
    }

    fn line(&mut self, rest: &[u8], pieces: &mut Vec<Piece>) -> usize {
        let Some(end) = memchr::memchr(b'\n', rest) else {
            self.keep_all(rest);
            return rest.len();
        };
        self.keep_all(&rest[..end]);
        self.end_record(pieces);
        self.state = State::Start;
        end + 1
    }

    fn array(&mut self, byte: u8) -> Result<(), BrokenStream> {
        match byte {
            _ if is_blank(byte) => {}
            b']' => self.end_array(),
            b'{' => {
                self.keep(byte);
                self.state = State::Value(Place { depth: 1, in_string: false, is_escaped: false });
            }
            _ => return Err(self.broken(show(byte), "{ of a record, or ]")),
        }
        Ok(())
    }

    fn value(&mut self, rest: &[u8], mut place: Place, pieces: &mut Vec<Piece>) -> usize {
        let taken = place.follow(rest);
        self.keep_all(&rest[..taken]);
        self.state = State::Value(place);
        if place.depth == 0 {
            self.end_record(pieces);
            self.state = State::Behind;
        }
        taken
    }

    fn behind(&mut self, byte: u8) -> Result<(), BrokenStream> {
        match byte {
            _ if is_blank(byte) => {}
            b',' => self.state = State::Array,
            b']' => self.end_array(),
            _ => return Err(self.broken(show(byte), ", or ] behind a record")),
        }
        Ok(())
    }

    fn closing(&mut self, byte: u8) -> Result<(), BrokenStream> {
        match byte {
            _ if is_blank(byte) => {}
            b'}' => {
                self.in_container = false;
                self.state = State::Start;
            }
            _ => return Err(self.broken(show(byte), "} of {\"Records\":[…]}")),
        }
        Ok(())
    }

    fn end_array(&mut self) {
        self.state = if self.in_container { State::Closing } else { State::Start };
    }

    fn keep(&mut self, byte: u8) {
        self.keep_all(&[byte]);
    }

    fn keep_all(&mut self, bytes: &[u8]) {
        if self.is_too_long || self.record.len() + bytes.len() > RECORD_BYTES_MAX {
            self.is_too_long = true;
            self.record = Vec::new();
        } else {
            self.record.extend_from_slice(bytes);
        }
    }

    fn end_record(&mut self, pieces: &mut Vec<Piece>) {
        if std::mem::take(&mut self.is_too_long) {
            pieces.push(Piece::TooLong);
        } else {
            let record = self.record.trim_ascii();
            if !record.is_empty() {
                pieces.push(Piece::Record(Bytes::copy_from_slice(record)));
            }
        }
        if self.record.capacity() > KEPT_BYTES_MAX {
            self.record = Vec::new();
        }
        self.record.clear();
    }

    fn broken(&self, found: String, expected: &'static str) -> BrokenStream {
        BrokenStream { offset: self.offset, found, expected }
    }
}

/// The record that a line is, when all of it is here and it plainly begins no [`CONTAINER`].
fn whole_record(rest: &[u8]) -> Option<&[u8]> {
    let [b'{', b'"', third, ..] = rest else { return None };
    let end = memchr::memchr(b'\n', rest).filter(|_| *third != CONTAINER[2])?;
    Some(rest[..end].trim_ascii_end()).filter(|record| record.len() <= RECORD_BYTES_MAX)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a blank after so many bytes of [`CONTAINER`] would stand inside `"Records"`.
fn is_inside_name(matched: usize) -> bool {
    (2..10).contains(&matched)
}

fn show(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("{:?}", char::from(byte))
    } else {
        format!("byte 0x{byte:02x}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(body: &[u8], chunk: usize) -> Result<Vec<Piece>, BrokenStream> {
        let mut pieces = Vec::new();
        let mut splitter = Splitter::default();
        for chunk in body.chunks(chunk) {
            splitter.push(chunk, &mut pieces)?;
        }
        splitter.finish(&mut pieces)?;
        Ok(pieces)
    }

    /// The records found, whatever the chunks are.
    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let expected: Vec<Piece> = expected
            .iter()
            .map(|text| Piece::Record(Bytes::copy_from_slice(text.as_bytes())))
            .collect();
        for chunk in [1, 2, 3, 7, 4096] {
            assert_eq!(split(body.as_bytes(), chunk).as_ref(), Ok(&expected), "{body} by {chunk}");
        }
    }

    #[test]
    fn every_form_gives_its_records_untouched() {
        check("", &[]);
        check(" \r\n\t", &[]);
        check(
            "{\"a\":1}\n{\"b\": 2}\r\n\n {\"c\":3} ",
            &[r#"{"a":1}"#, r#"{"b": 2}"#, r#"{"c":3}"#],
        );
        check(r#"[{"a":1}, {"b":[2]} ]"#, &[r#"{"a":1}"#, r#"{"b":[2]}"#]);
        check("[]", &[]);
        check(r#"{"Records":[{"a":"}]\"{"},{"b":{}}]}"#, &[r#"{"a":"}]\"{"}"#, r#"{"b":{}}"#]);
        check("{\n  \"Records\" : [\n {\n\"a\": 1}\n]\n}\n", &["{\n\"a\": 1}"]);
        check(
            "{\"Records\":[]}\n{\"Records\":[{\"a\":1}]}\n[{\"b\":2}]{\"c\":3}",
            &[r#"{"a":1}"#, r#"{"b":2}"#, r#"{"c":3}"#],
        );
        check(r#"{"Records":1,"a":[2]}"#, &[r#"{"Records":1,"a":[2]}"#]);
        check(r#"{"Rec ords":[{}]}"#, &[r#"{"Rec ords":[{}]}"#]);
    }

    #[test]
    fn a_bad_line_spoils_no_other() {
        let body = "{\"a\":\n{\"b\":2}\nnonsense\n{\"c\":3}";
        check(body, &["{\"a\":", r#"{"b":2}"#, "nonsense", r#"{"c":3}"#]);
        check("{\n{\"a\":1}\n", &["{", r#"{"a":1}"#]);
        check("{\n \"Records\" \n:1\n{\"a\":1}", &["{", "\"Records\"", ":1", r#"{"a":1}"#]);
        check("{\n\"Rec\n[{\"a\":1}]", &["{", "\"Rec", r#"{"a":1}"#]);
        check("{\n{\"Records\":\n[{\"a\":1}]}", &["{", r#"{"a":1}"#]);
    }

    #[test]
    fn records_behind_a_megabyte_of_blanks_are_taken() {
        let body = format!("{{{}\"Records\":[{{\"a\":1}}]}}", " ".repeat(RECORD_BYTES_MAX));
        let pieces = split(body.as_bytes(), 65536).unwrap();
        assert_eq!(pieces, [Piece::Record(Bytes::from_static(br#"{"a":1}"#))]);
    }

    #[test]
    fn an_array_that_is_none_ends_the_stream_with_its_place() {
        for (body, offset) in [
            (r#"[{"a":1} {"b":2}]"#, 9),
            (r#"["a"]"#, 1),
            (r#"{"Records":[{"a":1}],"b":2}"#, 20),
            (r#"[{"a":1}"#, 8),
            (r#"{"Records":[]"#, 13),
            (r#"[{"a":1"#, 7),
        ] {
            for chunk in [1, 4096] {
                assert_eq!(split(body.as_bytes(), chunk).unwrap_err().offset, offset, "{body}");
            }
        }
    }

    #[test]
    fn a_record_that_is_too_long_is_skipped_and_not_held() {
        let long = "x".repeat(RECORD_BYTES_MAX);
        let lines = format!("{{\"a\":\"{long}\"}}\n{{\"b\":2}}\n");
        let array = format!("[{{\"a\":\"{long}\"}},{{\"b\":2}}]");
        for body in [lines, array] {
            let pieces = split(body.as_bytes(), 65536).unwrap();
            assert_eq!(pieces, [Piece::TooLong, Piece::Record(Bytes::from_static(br#"{"b":2}"#))]);
        }
        let mut splitter = Splitter::default();
        for _ in 0..64 {
            splitter.push(long.as_bytes(), &mut Vec::new()).unwrap();
            assert!(splitter.record.capacity() <= 2 * RECORD_BYTES_MAX);
        }
    }

    #[test]
    fn the_memory_of_a_long_record_is_let_go_with_it() {
        let long = "x".repeat(RECORD_BYTES_MAX - 100);
        for (begin, end) in [("{\"a\":\"", "\"}\n{"), ("[{\"a\":\"", "\"},{")] {
            let mut splitter = Splitter::default();
            let mut pieces = Vec::new();
            for part in [begin, &long, end] {
                splitter.push(part.as_bytes(), &mut pieces).unwrap();
            }
            assert_eq!(pieces.len(), 1);
            assert!(splitter.held() <= KEPT_BYTES_MAX, "{}", splitter.held());
        }
    }

    proptest! {
        #[test]
        fn no_stream_panics_and_chunks_do_not_matter(
            body in proptest::collection::vec(prop_oneof![Just(b'{'), Just(b'}'), Just(b'['), Just(b']'), Just(b'"'), Just(b'\\'), Just(b','), Just(b'\n'), Just(b' '), any::<u8>()], 0..200),
            chunk in 1_usize..50,
        ) {
            prop_assert_eq!(split(&body, chunk), split(&body, body.len().max(1)));
        }
    }
}
