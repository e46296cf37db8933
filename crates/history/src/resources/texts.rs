//! The texts in a JSON value, without taking the value apart.
//!
//! The value was parsed once already, as part of a record: what is read here is JSON. A text that
//! cannot be read, such as half of a surrogate pair, is passed over and hides no other.

use std::borrow::Cow;

use memchr::memchr2;

/// A value that holds others, and whose it is.
#[derive(Clone, Copy)]
struct Open<'a> {
    /// The member that texts in it belong to: in a list, the one that the list is.
    member: &'a str,
}

/// Tells each text of a value, with the name of the member that it is, or that the list is which it is
/// in, and how deep it is: 1 for members of the value itself. Ends when it is told to.
pub(super) fn each<'a>(
    json: &'a str,
    mut is_enough: impl FnMut(&str, usize, Cow<'a, str>) -> bool,
) {
    let bytes = json.as_bytes();
    let mut open: Vec<Open<'a>> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => open.push(Open { member: open.last().map_or("", |open| open.member) }),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let Some(end) = end_of_text(bytes, at + 1) else { return };
                let inner = &json[at + 1..end];
                at = end;
                let Some(around) = open.last_mut() else { return };
                if is_name(&bytes[end + 1..]) {
                    around.member = inner;
                } else if let Some(text) = unescaped(&json[at - inner.len() - 1..=end], inner) {
                    let (member, depth) = (around.member, open.len());
                    if is_enough(member, depth, text) {
                        return;
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Where the closing quotation mark stands.
fn end_of_text(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Whether a text that ends before this is a member's name.
fn is_name(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

fn unescaped<'a>(quoted: &'a str, inner: &'a str) -> Option<Cow<'a, str>> {
    match inner.contains('\\') {
        true => serde_json::from_str(quoted).ok().map(Cow::Owned),
        false => Some(Cow::Borrowed(inner)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Vec<String> {
        let mut told = Vec::new();
        each(json, |member, depth, text| {
            told.push(format!("{member} {depth} {text}"));
            false
        });
        told
    }

    #[test]
    fn each_text_is_told_with_its_member_and_depth() {
        let json =
            r#"{ "a" : "1", "b": {"c": ["2", {"d": "3"}, "4"], "e": 5}, "f": [["6"]], "g": ":" }"#;
        assert_eq!(told(json), ["a 1 1", "c 3 2", "d 4 3", "c 3 4", "f 3 6", "g 1 :"]);
    }

    #[test]
    fn escapes_are_read_and_what_cannot_be_read_is_passed_over() {
        let json = r#"{"a":"x\"y\\","b":"\ud800","c":"\u0041","d\"":"z"}"#;
        assert_eq!(told(json), [r#"a 1 x"y\"#, "c 1 A", r#"d\" 1 z"#]);
    }

    #[test]
    fn other_values_have_no_texts() {
        for json in ["null", "true", "17", "\"text\"", "[]", "{}", "", "\"", "{\"a"] {
            assert_eq!(told(json), [""; 0], "{json}");
        }
    }
}
