//! The formula by which a run's price follows from its inputs, as far as it can be read: which
//! inputs it names, and what it comes to when none of them is given. It is the provider's to
//! evaluate otherwise.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::lenient::number;

/// What formulas call the model's base price.
const BASE: [&str; 3] = ["base_price", "unit_price", "price"];
/// Other words of formulas, which name no input.
const WORDS: [&str; 20] = [
    "abs", "and", "ceil", "else", "false", "floor", "if", "input", "inputs", "int", "len",
    "length", "max", "Math", "min", "not", "null", "or", "round", "true",
];
/// Parentheses within parentheses.
const DEPTH_MAX: usize = 16;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Name(String),
    /// Anything in quotes.
    Text,
    Sign(char),
}

#[derive(Debug)]
pub(super) struct Formula {
    tokens: Vec<Token>,
}

impl Formula {
    pub(super) fn read(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = token(rest, first);
            tokens.push(token);
            rest = rest.get(length..).unwrap_or_default().trim_start();
        }
        Self { tokens }
    }

    /// The declared inputs that it names. `None` if it names something else too, so that it may
    /// depend on any.
    pub(super) fn inputs(&self, declared: &Map<String, Value>) -> Option<BTreeSet<String>> {
        let mut inputs = BTreeSet::new();
        for token in &self.tokens {
            let Token::Name(name) = token else { continue };
            if declared.contains_key(name) {
                inputs.insert(name.clone());
            } else if !BASE.contains(&name.as_str()) && !WORDS.contains(&name.as_str()) {
                return None;
            }
        }
        Some(inputs)
    }

    /// What it comes to with these values for its names. `None` if it is more than sums and
    /// products, or names something without a value.
    pub(super) fn value(&self, of: impl Fn(&str) -> Option<f64>) -> Option<f64> {
        let mut reading = Reading {
            rest: &self.tokens,
            of: &of,
        };
        let value = reading.sum(0)?;
        (reading.rest.is_empty() && value.is_finite()).then_some(value)
    }
}

/// True for the names of the base price.
pub(super) fn is_base(name: &str) -> bool {
    BASE.contains(&name)
}

/// The number that an input has if it is not given.
pub(super) fn default_of(property: &Value) -> Option<f64> {
    number(property.get("default")?)
}

fn token(rest: &str, first: char) -> (Token, usize) {
    let length = |belongs: fn(char) -> bool| rest.find(|sign| !belongs(sign)).unwrap_or(rest.len());
    match first {
        '0'..='9' => {
            let length = length(|sign| sign.is_ascii_digit() || sign == '.');
            match rest[..length].parse() {
                Ok(number) => (Token::Number(number), length),
                Err(_) => (Token::Text, length),
            }
        }
        'a'..='z' | 'A'..='Z' | '_' => {
            let length = length(|sign| sign.is_ascii_alphanumeric() || sign == '_');
            (Token::Name(rest[..length].to_owned()), length)
        }
        '"' | '\'' | '`' => {
            let end = rest[1..].find(first).map_or(rest.len(), |end| end + 2);
            (Token::Text, end)
        }
        sign => (Token::Sign(sign), sign.len_utf8()),
    }
}

struct Reading<'a, F> {
    rest: &'a [Token],
    of: &'a F,
}

impl<F: Fn(&str) -> Option<f64>> Reading<'_, F> {
    fn sum(&mut self, depth: usize) -> Option<f64> {
        let mut value = self.product(depth)?;
        loop {
            if self.takes('+') {
                value += self.product(depth)?;
            } else if self.takes('-') {
                value -= self.product(depth)?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self, depth: usize) -> Option<f64> {
        let mut value = self.one(depth)?;
        loop {
            if self.takes('*') {
                value *= self.one(depth)?;
            } else if self.takes('/') {
                value /= self.one(depth)?;
            } else {
                return Some(value);
            }
        }
    }

    fn one(&mut self, depth: usize) -> Option<f64> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match first {
            Token::Number(number) => Some(*number),
            Token::Name(name) => (self.of)(name),
            Token::Sign('(') if depth < DEPTH_MAX => {
                let value = self.sum(depth + 1)?;
                self.takes(')').then_some(value)
            }
            Token::Sign(_) | Token::Text => None,
        }
    }

    fn takes(&mut self, sign: char) -> bool {
        match self.rest.split_first() {
            Some((Token::Sign(first), rest)) if *first == sign => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(formula: &str) -> Option<f64> {
        Formula::read(formula).value(|name| match name {
            "base_price" => Some(0.08),
            "num_images" => Some(2.0),
            "duration" => Some(5.0),
            _ => None,
        })
    }

    #[test]
    fn sums_and_products_are_read_and_nothing_else_is() {
        for (formula, expected) in [
            ("base_price", 0.08),
            ("base_price * num_images", 0.16),
            ("base_price*duration/5", 0.08),
            ("(base_price + 0.02) * (duration - 3)", 0.2),
            ("num_images * 3", 6.0),
        ] {
            let found = value(formula).unwrap();
            assert!((found - expected).abs() < 1e-9, "{formula}: {found}");
        }
        for formula in [
            "",
            "base_price *",
            "base_price num_images",
            "base_price * width",
            "max(base_price, 1)",
            "duration > 5 ? 2 : 1",
            "resolution == '720p'",
            "base_price / 0",
            "1.2.3",
            "((base_price)",
            "'unclosed",
            "é * 2",
        ] {
            assert_eq!(value(formula), None, "{formula}");
        }
        assert_eq!(value(&"(".repeat(100_000)), None);
    }

    #[test]
    fn the_inputs_of_a_formula_are_those_that_it_names_outside_of_quotes() {
        let declared = json!({"num_images": {}, "resolution": {}, "images": {}});
        let declared = declared.as_object().unwrap();
        let inputs = |formula: &str| {
            let inputs = Formula::read(formula).inputs(declared)?;
            Some(inputs.into_iter().collect::<Vec<_>>().join(" "))
        };

        for (formula, expected) in [
            ("base_price * num_images", Some("num_images")),
            (
                "inputs.num_images * Math.max(1, images.length)",
                Some("images num_images"),
            ),
            (
                "base_price * (resolution == 'num_images' ? 2 : 1)",
                Some("resolution"),
            ),
            ("base_price", Some("")),
            ("base_price * megapixels", None),
        ] {
            assert_eq!(inputs(formula).as_deref(), expected, "{formula}");
        }
    }
}
