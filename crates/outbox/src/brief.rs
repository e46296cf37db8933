//! What an error says, for people who read why a lane refuses.

/// An error and its causes, each once: the AWS SDK's own long form shows whole responses.
#[must_use]
pub fn brief(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the door is shut")]
    struct Door;

    #[derive(Debug, thiserror::Error)]
    #[error("nobody came: the door is shut")]
    struct Visit(#[source] Door);

    #[derive(Debug, thiserror::Error)]
    #[error("no tea")]
    struct Tea(#[source] Visit);

    #[test]
    fn each_cause_is_said_once() {
        assert_eq!(brief(&Tea(Visit(Door))), "no tea: nobody came: the door is shut");
    }
}
