//! Patterns of people: text in which `*` stands for any characters, also for none.
//!
//! `\` takes from `*`, `,` and itself what they mean. Letters are told apart by case, as selectors do it.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What stands between the asterisks: one more than there are.
    parts: Vec<String>,
}

impl Pattern {
    /// The patterns of a list: parts between commas. Blanks count.
    #[must_use]
    pub fn list(text: &str) -> Vec<Pattern> {
        let (mut patterns, mut parts, mut part) = (Vec::new(), Vec::new(), String::new());
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                ',' => {
                    parts.push(std::mem::take(&mut part));
                    patterns.push(Pattern { parts: std::mem::take(&mut parts) });
                }
                '*' => parts.push(std::mem::take(&mut part)),
                '\\' => match letters.next_if(|next| matches!(next, ',' | '*' | '\\')) {
                    Some(meant) => part.push(meant),
                    None => part.push('\\'),
                },
                _ => part.push(letter),
            }
        }
        parts.push(part);
        patterns.push(Pattern { parts });
        patterns
    }

    /// Whether it is the empty text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.parts.as_slice(), [part] if part.is_empty())
    }

    /// Whether it is asterisks alone: anything at all.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.parts.len() > 1 && self.parts.iter().all(String::is_empty)
    }

    /// Characters that are compared.
    #[must_use]
    pub fn characters(&self) -> usize {
        self.parts.iter().map(|part| part.chars().count()).sum()
    }

    /// Bytes that are compared.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(String::len).sum()
    }

    /// Whether a letter is in it, as itself.
    #[must_use]
    pub fn contains(&self, letter: char) -> bool {
        self.parts.iter().any(|part| part.contains(letter))
    }

    /// Whether a text is of this form.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (first, rest) = self.parts.split_first().expect("there is one part at least");
        let Some((last, middle)) = rest.split_last() else { return text == first };
        let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            // The first place is the best: it leaves most for those behind.
            let Some(at) = left.find(part.as_str()) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_is_taken_apart_at_its_commas() {
        let matched = |text: &str, value: &str| {
            Pattern::list(text).iter().filter(|pattern| pattern.matches(value)).count()
        };
        for (list, value, count) in [
            ("Get*,List*", "ListUsers", 1),
            ("*Delete*", "BatchDeleteImage", 1),
            ("*Delete*", "Delete", 1),
            ("Delete", "DeleteUser", 0),
            ("delete*", "DeleteUser", 0),
            ("*", "", 1),
            ("a*b*a", "aba", 1),
            ("a*a", "a", 0),
            (r"a\,b", "a,b", 1),
            (r"a\*", "ab", 0),
            (r"a\*", "a*", 1),
            (r"C:\\x", r"C:\x", 1),
            (r"C:\x", r"C:\x", 1),
            ("a,,b", "", 1),
        ] {
            assert_eq!(matched(list, value), count, "{list} against {value:?}");
        }
    }

    /// Slow and obvious: an asterisk is nothing, or one letter and an asterisk.
    fn obvious(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('*', behind)), None) => obvious(behind, text),
            (Some(('*', behind)), Some((_, rest))) => {
                obvious(behind, text) || obvious(pattern, rest)
            }
            (Some(_), None) => false,
            (Some((one, behind)), Some((other, rest))) => one == other && obvious(behind, rest),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_its_letters_say(pattern in "[aé*]{0,6}", text in "[aé]{0,6}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            let expected = obvious(&letters(&pattern), &letters(&text));
            prop_assert_eq!(Pattern::list(&pattern)[0].matches(&text), expected);
        }
    }
}
