//! A policy's text, read: every element is known, every value is of its form, or the policy is
//! refused with the place and what is expected there.
//!
//! Source: IAM User Guide, "Grammar of the IAM JSON policy language".

use super::condition::{Condition, Operator};
use super::json::Json;
use super::pattern::{ArnPattern, Grammar, Pattern, is_condition_key};
use super::statement::{ActionPattern, Choice, PrincipalPattern, Statement};
use super::{Effect, InvalidPolicy, POLICY_BYTES_MAX, PolicyKind};

type Read<T> = Result<T, InvalidPolicy>;

/// The statements of a policy.
pub(super) fn parse(text: &str, kind: PolicyKind) -> Read<Vec<Statement>> {
    if text.len() > POLICY_BYTES_MAX {
        let problem = format!("{} bytes; expected at most {POLICY_BYTES_MAX}", text.len());
        return Err(wrong("policy", problem));
    }
    let json: Json = serde_json::from_str(text)
        .map_err(|error| wrong("policy", format!("no valid JSON: {error}")))?;
    let elements = object("policy", &json, &["Version", "Id", "Statement"])?;
    let has_variables = match element(elements, "Version") {
        None => false,
        Some(Json::Text(version)) if version == "2008-10-17" => false,
        Some(Json::Text(version)) if version == "2012-10-17" => true,
        Some(_) => return Err(wrong("Version", "expected \"2012-10-17\"")),
    };
    if !matches!(element(elements, "Id"), None | Some(Json::Text(_))) {
        return Err(wrong("Id", "expected text"));
    }
    let reader = Reader { kind, has_variables };
    match element(elements, "Statement") {
        Some(one @ Json::Object(_)) => Ok(vec![reader.statement("Statement", one)?]),
        Some(Json::Array(several)) if !several.is_empty() => {
            let read = several
                .iter()
                .enumerate()
                .map(|(index, one)| reader.statement(&format!("Statement[{index}]"), one));
            let statements: Vec<Statement> = read.collect::<Read<_>>()?;
            unique_sids(&statements)?;
            Ok(statements)
        }
        Some(_) => Err(wrong("Statement", "expected one statement or a list of them")),
        None => Err(wrong("Statement", "missing; a policy has at least one statement")),
    }
}

fn unique_sids(statements: &[Statement]) -> Read<()> {
    for (index, statement) in statements.iter().enumerate() {
        let twin = |other: &Statement| other.sid.is_some() && other.sid == statement.sid;
        if let Some(first) = statements[..index].iter().position(twin) {
            let problem = format!("Statement[{first}] has this Sid; give each its own");
            return Err(wrong(&format!("Statement[{index}].Sid"), problem));
        }
    }
    Ok(())
}

struct Reader {
    kind: PolicyKind,
    has_variables: bool,
}

impl Reader {
    fn statement(&self, place: &str, json: &Json) -> Read<Statement> {
        const KNOWN: [&str; 9] = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        let elements = object(place, json, &KNOWN)?;
        let effect = match element(elements, "Effect") {
            Some(Json::Text(effect)) if effect == "Allow" => Effect::Allow,
            Some(Json::Text(effect)) if effect == "Deny" => Effect::Deny,
            _ => return Err(wrong(&format!("{place}.Effect"), "expected \"Allow\" or \"Deny\"")),
        };
        let conditions = match element(elements, "Condition") {
            None => Vec::new(),
            Some(json) => self.conditions(&format!("{place}.Condition"), json)?,
        };
        let resources = Grammar { wildcards: true, variables: self.has_variables };
        Ok(Statement {
            sid: sid(place, elements)?,
            effect,
            principals: self.principals(place, elements)?,
            actions: choice(place, elements, ["Action", "NotAction"], parse_action)?,
            resources: choice(place, elements, ["Resource", "NotResource"], |text| {
                ArnPattern::parse_resource(text, resources)
            })?,
            conditions,
        })
    }

    fn principals(
        &self,
        place: &str,
        elements: &[(String, Json)],
    ) -> Read<Option<Vec<PrincipalPattern>>> {
        if element(elements, "NotPrincipal").is_some() {
            let problem = "not supported; use Principal \"*\" and a condition on aws:PrincipalArn";
            return Err(wrong(&format!("{place}.NotPrincipal"), problem));
        }
        let place = format!("{place}.Principal");
        match (self.kind, element(elements, "Principal")) {
            (PolicyKind::Identity, None) => Ok(None),
            (PolicyKind::Identity, Some(_)) => {
                Err(wrong(&place, "a user's policy has none: it speaks of that user"))
            }
            (PolicyKind::Resource, None) => Err(wrong(
                &place,
                "missing; expected who the statement is about, such as {\"AWS\": \"111122223333\"}",
            )),
            (PolicyKind::Resource, Some(json)) => principals(&place, json).map(Some),
        }
    }

    fn conditions(&self, place: &str, json: &Json) -> Read<Vec<Condition>> {
        let mut conditions = Vec::new();
        for (name, keys) in members(place, json)? {
            let place = format!("{place}.{}", shown(name));
            let Some(operator) = Operator::parse(name) else {
                return Err(wrong(
                    &place,
                    "unknown operator; expected one such as StringEquals, ArnLike or NumericLessThanIfExists",
                ));
            };
            for (key, values) in members(&place, keys)? {
                let place = format!("{place}.{}", shown(key));
                if !is_condition_key(key) {
                    return Err(wrong(&place, "expected a condition key, such as aws:SourceIp"));
                }
                let values = scalars(&place, values)?;
                let condition = Condition::parse(operator, key, &values, self.has_variables);
                conditions.push(condition.map_err(|(index, problem)| {
                    wrong(&place, format!("{}: {problem}", shown(&values[index])))
                })?);
            }
        }
        Ok(conditions)
    }
}

fn sid(place: &str, elements: &[(String, Json)]) -> Read<Option<String>> {
    match element(elements, "Sid") {
        None => Ok(None),
        Some(Json::Text(sid)) if sid.is_empty() => Ok(None),
        Some(Json::Text(sid)) if sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Ok(Some(sid.clone()))
        }
        Some(_) => Err(wrong(&format!("{place}.Sid"), "expected letters and digits only")),
    }
}

/// `Action` or `NotAction`, `Resource` or `NotResource`: one of the two.
fn choice<T>(
    place: &str,
    elements: &[(String, Json)],
    [name, not_name]: [&str; 2],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Read<Choice<T>> {
    let (name, json, is_negated) = match (element(elements, name), element(elements, not_name)) {
        (Some(json), None) => (name, json, false),
        (None, Some(json)) => (not_name, json, true),
        (Some(_), Some(_)) => {
            return Err(wrong(place, format!("both {name} and {not_name}; keep one of them")));
        }
        (None, None) => return Err(wrong(place, format!("expected {name} or {not_name}"))),
    };
    let place = format!("{place}.{name}");
    let texts = texts(&place, json)?;
    let parsed = texts.iter().map(|text| {
        parse(text).map_err(|problem| wrong(&place, format!("{}: {problem}", shown(text))))
    });
    Ok(Choice { is_negated, patterns: parsed.collect::<Read<_>>()? })
}

fn parse_action(text: &str) -> Result<ActionPattern, String> {
    const EXPECTED: &str =
        "expected SERVICE:ACTION, such as cloudtrail:GetTrail or cloudtrail:*, or \"*\"";
    if text == "*" {
        return Ok(ActionPattern::Any);
    }
    let Some((service, name)) = text.split_once(':') else { return Err(EXPECTED.into()) };
    let is_service = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"*?_-".contains(&byte);
    let is_sound = !service.is_empty() && service.bytes().all(is_service);
    if !is_sound || name.is_empty() || !name.bytes().all(is_name) {
        return Err(EXPECTED.into());
    }
    let grammar = Grammar { wildcards: true, variables: false };
    let name = Pattern::parse(name, grammar)?;
    Ok(ActionPattern::Of { service: service.to_ascii_lowercase(), name })
}

fn principals(place: &str, json: &Json) -> Read<Vec<PrincipalPattern>> {
    const KINDS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];
    if let Json::Text(text) = json
        && text == "*"
    {
        return Ok(vec![PrincipalPattern::Anyone]);
    }
    let Json::Object(_) = json else {
        return Err(wrong(
            place,
            "expected \"*\" or an object such as {\"AWS\": \"111122223333\"}",
        ));
    };
    let mut principals = Vec::new();
    for (kind, json) in object(place, json, &KINDS)? {
        let place = format!("{place}.{kind}");
        for text in texts(&place, json)? {
            principals.push(if kind == "AWS" {
                parse_principal(&text)
                    .map_err(|problem| wrong(&place, format!("{}: {problem}", shown(&text))))?
            } else {
                PrincipalPattern::NotOurs
            });
        }
    }
    if principals.is_empty() {
        return Err(wrong(place, "expected at least one principal"));
    }
    Ok(principals)
}

fn parse_principal(text: &str) -> Result<PrincipalPattern, String> {
    if text == "*" {
        return Ok(PrincipalPattern::Anyone);
    }
    if let Ok(account) = text.parse() {
        return Ok(PrincipalPattern::Account(account));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", _, "iam" | "sts", "", account, resource] = parts[..] else {
        return Err("expected an account of 12 digits, an ARN such as arn:aws:iam::111122223333:user/amy, or \"*\"".into());
    };
    if text.contains(['*', '?']) {
        return Err(
            "a principal has no wildcards; use \"*\" and a condition on aws:PrincipalArn".into()
        );
    }
    let Ok(account) = account.parse() else {
        return Err("the ARN's account is not 12 digits".into());
    };
    Ok(match resource {
        "root" => PrincipalPattern::Account(account),
        _ => PrincipalPattern::Arn(text.to_owned()),
    })
}

fn wrong(place: &str, problem: impl Into<String>) -> InvalidPolicy {
    InvalidPolicy { place: place.to_owned(), problem: problem.into() }
}

/// Text of the policy as messages show it.
fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 100;
    let cut = if text.chars().count() > SHOWN_MAX { "…" } else { "" };
    format!("{:?}{cut}", text.chars().take(SHOWN_MAX).collect::<String>())
}

fn members<'a>(place: &str, json: &'a Json) -> Read<&'a [(String, Json)]> {
    match json {
        Json::Object(members) if !members.is_empty() => Ok(members),
        _ => Err(wrong(place, "expected an object with at least one member")),
    }
}

fn object<'a>(place: &str, json: &'a Json, known: &[&str]) -> Read<&'a [(String, Json)]> {
    let elements = members(place, json)?;
    if let Some((name, _)) = elements.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        let known = known.join(", ");
        return Err(wrong(place, format!("unknown element {}; known are {known}", shown(name))));
    }
    Ok(elements)
}

fn element<'a>(elements: &'a [(String, Json)], name: &str) -> Option<&'a Json> {
    elements.iter().find(|(other, _)| other == name).map(|(_, json)| json)
}

/// One text or a list of them.
fn texts(place: &str, json: &Json) -> Read<Vec<String>> {
    let is_text = |json: &&Json| matches!(json, Json::Text(_));
    let are_texts = match json {
        Json::Array(several) => several.iter().all(|one| is_text(&one)),
        one => is_text(&one),
    };
    if !are_texts {
        return Err(wrong(place, "expected text or a list of texts"));
    }
    scalars(place, json)
}

/// One value or a list of them; numbers and booleans as their text.
fn scalars(place: &str, json: &Json) -> Read<Vec<String>> {
    let scalar = |json: &Json| match json {
        Json::Text(text) | Json::Number(text) => Ok(text.clone()),
        Json::Bool(value) => Ok(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            Err(wrong(place, "expected text, a number, true, false, or a list of these"))
        }
    };
    match json {
        Json::Array(several) if several.is_empty() => {
            Err(wrong(place, "expected at least one value"))
        }
        Json::Array(several) => several.iter().map(scalar).collect(),
        one => Ok(vec![scalar(one)?]),
    }
}
