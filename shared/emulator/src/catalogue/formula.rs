//! The price formulas of the catalogue, such as `base_price * max(duration, 5) / 5`: numbers,
//! texts and inputs, arithmetic, comparisons, `a ? b : c`, and a few functions.

use serde_json::Value;

/// The value of an input, or of the base price.
type Variables<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// `None` when the formula is empty, or cannot be worked out with these variables.
pub(super) fn evaluate(formula: &str, variables: Variables<'_>) -> Option<f64> {
    let mut reader = Reader {
        rest: formula,
        variables,
    };
    let value = number(&reader.choice()?)?;
    (reader.rest.trim().is_empty() && value.is_finite()).then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
    variables: Variables<'a>,
}

impl<'a> Reader<'a> {
    fn choice(&mut self) -> Option<Value> {
        let condition = self.comparison()?;
        if !self.takes("?") {
            return Some(condition);
        }
        // The side that is not chosen may lack its inputs.
        let yes = self.choice();
        self.takes(":").then_some(())?;
        let no = self.choice();
        if condition.as_bool()? { yes } else { no }
    }

    fn comparison(&mut self) -> Option<Value> {
        let left = self.sum()?;
        for operator in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.takes(operator) {
                let right = self.sum()?;
                return compared(&left, operator, &right).map(Value::from);
            }
        }
        Some(left)
    }

    fn sum(&mut self) -> Option<Value> {
        let mut total = self.product()?;
        loop {
            if self.takes("+") {
                total = (number(&total)? + number(&self.product()?)?).into();
            } else if self.takes("-") {
                total = (number(&total)? - number(&self.product()?)?).into();
            } else {
                return Some(total);
            }
        }
    }

    fn product(&mut self) -> Option<Value> {
        let mut total = self.operand()?;
        loop {
            if self.takes("*") {
                total = (number(&total)? * number(&self.operand()?)?).into();
            } else if self.takes("/") {
                total = (number(&total)? / number(&self.operand()?)?).into();
            } else {
                return Some(total);
            }
        }
    }

    fn operand(&mut self) -> Option<Value> {
        if self.takes("(") {
            let inner = self.choice()?;
            return self.takes(")").then_some(inner);
        }
        if self.takes("\"") {
            let (text, rest) = self.rest.split_once('"')?;
            self.rest = rest;
            return Some(text.into());
        }
        let word = self.word()?;
        if let Ok(number) = word.parse::<f64>() {
            return Some(number.into());
        }
        if self.takes("(") {
            return self.call(word);
        }
        (self.variables)(word)
    }

    fn call(&mut self, function: &str) -> Option<Value> {
        let mut arguments = vec![self.choice()?];
        while self.takes(",") {
            arguments.push(self.choice()?);
        }
        self.takes(")").then_some(())?;
        if function == "length" {
            return Some(arguments[0].as_str()?.chars().count().into());
        }
        let numbers: Option<Vec<f64>> = arguments.iter().map(number).collect();
        let numbers = numbers?.into_iter();
        match function {
            "max" => numbers.reduce(f64::max),
            "min" => numbers.reduce(f64::min),
            "ceil" => numbers.map(f64::ceil).next(),
            "floor" => numbers.map(f64::floor).next(),
            "round" => numbers.map(f64::round).next(),
            _ => None,
        }
        .map(Value::from)
    }

    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        let (word, rest) = rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

/// Inputs of enumerations may be numbers in words.
fn number(value: &Value) -> Option<f64> {
    let written = || value.as_str()?.trim().parse().ok();
    value.as_f64().or_else(written)
}

fn compared(left: &Value, operator: &str, right: &Value) -> Option<bool> {
    let same = match (number(left), number(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    };
    Some(match operator {
        "==" => same,
        "!=" => !same,
        "<=" => number(left)? <= number(right)?,
        ">=" => number(left)? >= number(right)?,
        "<" => number(left)? < number(right)?,
        _ => number(left)? > number(right)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_formula_is_worked_out_and_one_that_cannot_be_is_none() {
        let variables = |name: &str| match name {
            "base_price" => Some(json!(0.5)),
            "duration" => Some(json!(7)),
            "resolution" => Some(json!("4k")),
            "texture" => Some(json!(false)),
            "text" => Some(json!("grün")),
            _ => None,
        };
        for (formula, value) in [
            ("base_price * 2 + 1", Some(2.0)),
            ("1 + 2 * 3 - 8 / 4", Some(5.0)),
            ("ceil(duration / 5) * base_price", Some(1.0)),
            ("max(duration, 5, 9)", Some(9.0)),
            ("length(text)", Some(4.0)),
            (
                r#"resolution == "4k" ? base_price * 12 / 7 : unknown"#,
                Some(0.5 * 12.0 / 7.0),
            ),
            (
                r#"resolution == "1k" ? 1 : resolution != "2k" ? 2 : 3"#,
                Some(2.0),
            ),
            ("texture ? 1 : (duration >= 7 ? 2 : 3)", Some(2.0)),
            ("", None),
            ("base_price *", None),
            ("base_price 2", None),
            ("megapixels * base_price", None),
            ("1 / 0", None),
            ("resolution", None),
        ] {
            assert_eq!(evaluate(formula, &variables), value, "{formula}");
        }
    }
}
