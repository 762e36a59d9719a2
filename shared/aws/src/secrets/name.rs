//! The name of a secret.

use std::fmt;

use fluxgate_core::{Error, Result};

/// A name or an ARN, as Secrets Manager allows them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretName(String);

impl SecretName {
    /// Fails with kind `Invalid`. The error does not repeat the text: somebody may have entered the
    /// secret itself instead of its name.
    pub fn parse(text: &str) -> Result<Self> {
        let valid = (1..=2_048).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-:".contains(&byte));
        if valid {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::invalid(
            "invalid_secret_name",
            "a secret's name must be letters, digits and '/_+=.@-', or its ARN",
        ))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_are_taken_and_a_refused_text_is_not_repeated() {
        assert!(SecretName::parse("fluxgate/upstream-key").is_ok());
        assert!(
            SecretName::parse(
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:fluxgate/key-AbCdEf"
            )
            .is_ok()
        );
        for text in ["", "two words", "sk-\n"] {
            let error = SecretName::parse(text).unwrap_err();
            assert!(
                text.is_empty() || !error.to_string().contains(text),
                "{error}"
            );
        }
    }
}
