//! CSV, safe to be opened in a spreadsheet.
//!
//! Rows end in CRLF; a cell that holds a comma, a quote, a line break, a tab or a semicolon, or that
//! begins or ends with a blank, stands in quotes, a quote within as two.
//!
//! Whoever can make calls chooses texts of records: a user agent `=cmd|'/c calc'!A1` must be no formula.
//! A cell that a spreadsheet may take for one gets an apostrophe in front: one that begins with
//! `=`, `+`, `-` or `@`, their full-width forms included, blanks or quotes before them or not, and one
//! that begins with a tab or a line break. So does a cell that begins with an apostrophe. Control
//! characters but tabs and line breaks are no text for a table, and become U+FFFD.
//!
//! Where commas are of numbers, spreadsheets part cells at semicolons, and others do at tabs. To
//! them all of a row up to the first is one cell, and quotes within it are letters: they hold
//! nothing together. So what stands behind a semicolon, a tab or a line break is defused as if it
//! were a cell. Whoever takes one leading apostrophe from each of these parts of a cell has what
//! the record says. Cells of JSON have none of these letters, so that they stay JSON: a semicolon
//! there is within a text, and becomes `\u003b`.
//!
//! Sources: RFC 4180; OWASP, "CSV Injection", which tells of field separators within cells.

use std::borrow::Cow;

/// Writes a row.
pub fn row<T: AsRef<str>>(cells: impl IntoIterator<Item = T>, out: &mut Vec<u8>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_cell(&defused(cell.as_ref()), out);
    }
    out.extend_from_slice(b"\r\n");
}

/// A cell of a row that has not only texts.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// What records say.
    Text(&'a str),
    /// A number, which stays one with its sign.
    Number(&'a str),
}

/// Writes a row that has not only texts.
pub fn mixed_row<'a>(cells: impl IntoIterator<Item = Cell<'a>>, out: &mut Vec<u8>) {
    for (place, cell) in cells.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        match cell {
            Cell::Text(text) => write_cell(&defused(text), out),
            Cell::Number(digits) => out.extend_from_slice(digits.as_bytes()),
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// JSON without blanks between its texts, for a cell: the same JSON.
#[must_use]
pub fn json(text: &str) -> String {
    text.replace(';', "\\u003b")
}

fn write_cell(cell: &str, out: &mut Vec<u8>) {
    let needs_quotes = cell.starts_with(' ')
        || cell.ends_with(' ')
        || cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n' | b'\t' | b';'));
    if !needs_quotes {
        out.extend_from_slice(cell.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in cell.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// A cell that no spreadsheet takes for a formula.
fn defused(cell: &str) -> Cow<'_, str> {
    let cell = match cell.contains(is_no_text) {
        true => Cow::Owned(cell.replace(is_no_text, "\u{fffd}")),
        false => Cow::Borrowed(cell),
    };
    let begins_so = cell.starts_with(PARTING);
    if !begins_so && !parts(&cell).any(is_dangerous) {
        return cell;
    }
    let mut defused = String::from(if begins_so { "'" } else { "" });
    for part in parts(&cell) {
        if is_dangerous(part) {
            defused.push('\'');
        }
        defused.push_str(part);
    }
    Cow::Owned(defused)
}

/// What some spreadsheets begin a cell behind, whatever quotes are around it.
const PARTING: [char; 4] = [';', '\t', '\r', '\n'];

/// What may become a cell of its own, each with what ends it.
fn parts(cell: &str) -> impl Iterator<Item = &str> {
    cell.split_inclusive(PARTING)
}

fn is_dangerous(part: &str) -> bool {
    // Some programs drop blanks, and marks without a width, before they look.
    let shown = part.trim_start_matches(|letter: char| {
        letter.is_whitespace() || matches!(letter, '"' | '\u{feff}' | '\u{200b}'..='\u{200f}')
    });
    part.starts_with('\'') || shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

fn is_no_text(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\t' | '\r' | '\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(cells: &[String]) -> String {
        let mut out = Vec::new();
        row(cells, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// A reader of RFC 4180 that takes nothing else.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => {
                    assert_eq!(cell, "", "a quote stands at the beginning of a cell");
                    loop {
                        match letters.next().expect("a quoted cell ends") {
                            '"' if letters.peek() == Some(&'"') => {
                                cell.push('"');
                                letters.next();
                            }
                            '"' => break,
                            other => cell.push(other),
                        }
                    }
                    let behind = letters.peek();
                    assert!(matches!(behind, Some(',' | '\r')), "behind a quote: {behind:?}");
                }
                ',' => row.push(std::mem::take(&mut cell)),
                '\r' => {
                    assert_eq!(letters.next(), Some('\n'), "a row ends in CRLF");
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                '\n' => panic!("a bare line feed"),
                other => cell.push(other),
            }
        }
        assert!(row.is_empty() && cell.is_empty(), "the last row ends");
        rows
    }

    /// What the record said, from a cell.
    fn undone(cell: &str) -> String {
        parts(cell).map(|part| part.strip_prefix('\'').unwrap_or(part)).collect()
    }

    /// The cells that a spreadsheet sees that parts them at something else than commas: quotes matter to it
    /// only where a cell begins, and what stands behind the last of them belongs to the cell.
    fn seen_by_others(text: &str, parting: char) -> Vec<String> {
        let (mut cells, mut cell) = (Vec::new(), String::new());
        let mut letters = text.chars().peekable();
        let mut is_begin = true;
        while let Some(letter) = letters.next() {
            if letter == '"' && is_begin {
                while let Some(letter) = letters.next() {
                    match letter {
                        '"' if letters.peek() == Some(&'"') => cell.extend(letters.next()),
                        '"' => break,
                        other => cell.push(other),
                    }
                }
            } else if letter == parting || matches!(letter, '\r' | '\n') {
                cells.push(std::mem::take(&mut cell));
                is_begin = true;
                continue;
            } else {
                cell.push(letter);
            }
            is_begin = false;
        }
        cells.push(cell);
        cells
    }

    fn is_formula(cell: &str) -> bool {
        let shown = cell.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    }

    fn hostile_cell() -> impl Strategy<Value = String> {
        let parts = proptest::sample::select(vec![
            "=",
            "+",
            "-",
            "@",
            "\t",
            "\r",
            "\n",
            "\"",
            ",",
            ";",
            "'",
            " ",
            "＝",
            "＠",
            "\u{feff}",
            "cmd|' /c calc'!A1",
            "1",
            "é",
            "東京",
            "",
        ]);
        let made = proptest::collection::vec(parts, 0..6).prop_map(|parts| parts.concat());
        let formula = ("[ \u{feff}\u{a0}]{0,2}", "[=+@＝-]", any::<String>());
        let formula = formula.prop_map(|(blanks, sign, rest)| blanks + &sign + &rest);
        prop_oneof![made, formula, any::<String>()]
    }

    proptest! {
        #[test]
        fn every_cell_is_read_back_as_it_was(
            cells in proptest::collection::vec(hostile_cell(), 2..8),
        ) {
            let rows = read(&written(&cells));
            prop_assert_eq!(rows.len(), 1);
            let expected: Vec<String> =
                cells.iter().map(|cell| cell.replace(is_no_text, "\u{fffd}")).collect();
            let found: Vec<String> = rows[0].iter().map(|cell| undone(cell)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_cell_begins_as_a_formula(cell in hostile_cell()) {
            let rows = read(&written(&[cell]));
            prop_assert!(!is_formula(&rows[0][0]), "{:?}", rows);
            prop_assert!(!rows[0][0].starts_with(['\t', '\r', '\n']), "{:?}", rows);
        }

        #[test]
        fn no_cell_of_other_readers_begins_as_a_formula(
            cells in proptest::collection::vec(hostile_cell(), 1..5),
        ) {
            let text = written(&cells);
            for parting in [';', '\t'] {
                let seen = seen_by_others(&text, parting);
                prop_assert!(!seen.iter().any(|cell| is_formula(cell)), "{:?}: {:?}", text, seen);
            }
        }
    }

    proptest! {
        #[test]
        fn json_stays_json_to_any_reader(text in hostile_cell()) {
            let value = serde_json::json!([{ "name": text, ";=": [1, text] }]);
            let written = written(&[json(&value.to_string())]);
            let cell = read(&written).remove(0).remove(0);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&cell).unwrap(), value);
            for parting in [';', '\t'] {
                let seen = seen_by_others(&written, parting);
                prop_assert!(!seen.iter().any(|cell| is_formula(cell)), "{:?}: {:?}", written, seen);
            }
        }
    }

    #[test]
    fn cells_are_quoted_and_defused_so() {
        for (cell, expected) in [
            ("amy", "amy"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a;b", "\"a;b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" blank", "\" blank\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "\"'\t'=1\""),
            ("\r=1", "\"'\r'=1\""),
            ("  =1", "'  =1"),
            ("＝1", "'＝1"),
            ("\u{feff}=1", "'\u{feff}=1"),
            ("'=1", "''=1"),
            ("=1,2", "\"'=1,2\""),
            ("a=b", "a=b"),
            ("\"=1", "\"'\"\"=1\""),
            ("a;=1", "\"a;'=1\""),
            ("a; \"=1;b", "\"a;' \"\"=1;b\""),
            ("a\t+1\n-2\r@3", "\"a\t'+1\n'-2\r'@3\""),
            ("a;'b", "\"a;''b\""),
            (";=1", "\"';'=1\""),
            ("a\u{0}\u{1b}b", "a\u{fffd}\u{fffd}b"),
        ] {
            assert_eq!(written(&[cell.into()]), format!("{expected}\r\n"), "{cell:?}");
        }
    }
}
