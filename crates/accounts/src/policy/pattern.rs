//! Text with wildcards and policy variables, and ARNs made of it.
//!
//! `*` stands for any text, `?` for one character, `${key}` for the value of a condition key,
//! `${key, 'default'}` likewise, `${*}`, `${?}` and `${$}` for the character itself. What a
//! variable stands for is compared as it is: a user named `*` gains nothing. A variable without a
//! value and default leaves the pattern unresolved, which is neither a match nor none.
//!
//! Sources: IAM User Guide, "IAM policy elements: Variables and tags", "IAM JSON policy elements:
//! Resource"; for ARNs "Amazon Resource Name (ARN) condition operators": each of the six parts is
//! compared for itself, so that no wildcard reaches over a colon of the first five.

use super::context::Context;

/// What of a text has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grammar {
    pub(super) wildcards: bool,
    pub(super) variables: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Piece(Piece),
    Variable { key: String, default: Option<String> },
}

/// A piece of what a text is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Character(char),
    One,
    Any,
}

/// Text with wildcards and variables.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    pub(super) fn parse(text: &str, grammar: Grammar) -> Result<Pattern, String> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if grammar.variables
                && let Some(inner) = rest.strip_prefix("${")
            {
                let Some((variable, behind)) = inner.split_once('}') else {
                    return Err("a variable is not closed: expected ${key}".into());
                };
                tokens.push(parse_variable(variable)?);
                rest = behind;
                continue;
            }
            tokens.push(Token::Piece(match first {
                '*' if grammar.wildcards => Piece::Any,
                '?' if grammar.wildcards => Piece::One,
                other => Piece::Character(other),
            }));
            rest = &rest[first.len_utf8()..];
        }
        Ok(Pattern { tokens })
    }

    /// Whether it matches; `None` when a variable has no value.
    pub(super) fn matches(&self, text: &str, context: &Context) -> Option<bool> {
        Some(is_match(&self.resolve(context)?, &text.chars().collect::<Vec<char>>()))
    }

    /// The same without regard to the case of ASCII letters.
    pub(super) fn matches_any_case(&self, text: &str, context: &Context) -> Option<bool> {
        let mut pieces = self.resolve(context)?;
        for piece in &mut pieces {
            if let Piece::Character(character) = piece {
                character.make_ascii_lowercase();
            }
        }
        let text: Vec<char> =
            text.chars().map(|character| character.to_ascii_lowercase()).collect();
        Some(is_match(&pieces, &text))
    }

    fn resolve(&self, context: &Context) -> Option<Vec<Piece>> {
        let mut pieces = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            match token {
                Token::Piece(piece) => pieces.push(*piece),
                Token::Variable { key, default } => {
                    // A key with several values is none that can be put into a text.
                    let value = match context.values(key) {
                        [value] => Some(value),
                        _ => default.as_ref(),
                    };
                    pieces.extend(value?.chars().map(Piece::Character));
                }
            }
        }
        Some(pieces)
    }

    fn has_wildcards(&self) -> bool {
        self.tokens.iter().any(|token| matches!(token, Token::Piece(Piece::Any | Piece::One)))
    }

    fn is_any(&self) -> bool {
        self.tokens == [Token::Piece(Piece::Any)]
    }
}

fn parse_variable(inner: &str) -> Result<Token, String> {
    if let "*" | "?" | "$" = inner {
        let character = inner.chars().next().expect("it is one character");
        return Ok(Token::Piece(Piece::Character(character)));
    }
    let (key, default) = match inner.split_once(',') {
        None => (inner.trim(), None),
        Some((key, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
            let Some(default) = quoted else {
                return Err(format!("${{{inner}}}: expected ${{key, 'default'}}"));
            };
            (key.trim(), Some(default.to_owned()))
        }
    };
    if !is_condition_key(key) {
        return Err(format!("${{{inner}}}: expected a condition key, such as ${{aws:username}}"));
    }
    Ok(Token::Variable { key: key.to_ascii_lowercase(), default })
}

/// `aws:username`, `aws:ResourceTag/team`, …
pub(super) fn is_condition_key(text: &str) -> bool {
    let Some((service, name)) = text.split_once(':') else { return false };
    let is_service = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !service.is_empty()
        && service.bytes().all(is_service)
        && !name.is_empty()
        && !name.contains(['$', '{', '}', '*', '?'])
}

/// Compares in at most pattern times text steps: only the last `*` is ever tried again.
fn is_match(pattern: &[Piece], text: &[char]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut last_any = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(Piece::Any) => {
                last_any = Some((at, in_text));
                at += 1;
            }
            Some(piece) if *piece == Piece::One || *piece == Piece::Character(text[in_text]) => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((any, taken)) = last_any else { return false };
                last_any = Some((any, taken + 1));
                at = any + 1;
                in_text = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|piece| *piece == Piece::Any)
}

/// An ARN with wildcards and variables.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ArnPattern {
    /// `*`
    Anything,
    /// The six parts.
    Parts(Box<[Pattern; 6]>),
    /// Without wildcards and of fewer parts, such as a variable that stands for an ARN.
    Whole(Pattern),
}

impl ArnPattern {
    pub(super) fn parse(text: &str, grammar: Grammar) -> Result<ArnPattern, String> {
        let whole = Pattern::parse(text, grammar)?;
        if whole.is_any() {
            return Ok(ArnPattern::Anything);
        }
        if let Some(parts) = split(&whole) {
            return Ok(ArnPattern::Parts(Box::new(parts)));
        }
        if whole.has_wildcards() {
            return Err("expected an ARN of six parts, arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE, each of which may hold wildcards, or \"*\"".into());
        }
        Ok(ArnPattern::Whole(whole))
    }

    /// What a statement's `Resource` may be: `*`, or six parts with the service spelled out.
    pub(super) fn parse_resource(text: &str, grammar: Grammar) -> Result<ArnPattern, String> {
        let pattern = ArnPattern::parse(text, grammar)?;
        match &pattern {
            ArnPattern::Anything => {}
            ArnPattern::Parts(parts) if parts[0] != Pattern::parse("arn", grammar)? => {
                return Err("expected an ARN, which begins with \"arn:\", or \"*\"".into());
            }
            ArnPattern::Parts(parts) if parts[2].has_wildcards() || parts[2].tokens.is_empty() => {
                return Err("expected an ARN whose service is spelled out, or \"*\"".into());
            }
            ArnPattern::Parts(_) => {}
            ArnPattern::Whole(_) => {
                return Err("expected an ARN of six parts, such as arn:aws:cloudtrail:*:111122223333:trail/*, or \"*\"".into());
            }
        }
        Ok(pattern)
    }

    /// Whether it matches; `None` when a variable has no value.
    pub(super) fn matches(&self, text: &str, context: &Context) -> Option<bool> {
        let parts = match self {
            ArnPattern::Anything => return Some(true),
            ArnPattern::Whole(pattern) => return pattern.matches(text, context),
            ArnPattern::Parts(parts) => parts,
        };
        let mut found = true;
        let mut texts = text.splitn(6, ':');
        for pattern in parts.iter() {
            let Some(text) = texts.next() else { return Some(false) };
            found &= pattern.matches(text, context)?;
        }
        Some(found)
    }
}

/// The six parts, parted by colons of the pattern itself, not of what variables stand for.
fn split(whole: &Pattern) -> Option<[Pattern; 6]> {
    let colon = |token: &Token| *token == Token::Piece(Piece::Character(':'));
    let parts = whole.tokens.splitn(6, colon).map(|tokens| Pattern { tokens: tokens.to_vec() });
    parts.collect::<Vec<Pattern>>().try_into().ok()
}
