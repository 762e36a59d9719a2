//! DynamoDB's billing: a write unit for each begun kilobyte of the larger of an item's two states,
//! double in a transaction; a read unit for each begun four, half when not strongly consistent.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html>,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>

use serde_json::Value;

/// Read request units, in halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadUnits(pub u64);

/// Write request units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteUnits(pub u64);

impl ReadUnits {
    pub fn units(self) -> f64 {
        self.0 as f64 / 2.0
    }
}

/// Table and key of every item that the call writes.
pub(super) fn write_keys(action: &str, question: &Value) -> Vec<(String, Value)> {
    let one = |request: &Value| {
        let table = request["TableName"].as_str().unwrap_or_default().to_owned();
        let item = request
            .get("Key")
            .or_else(|| request.get("Item"))
            .cloned()
            .unwrap_or_default();
        (
            table,
            serde_json::json!({ "pk": item["pk"], "sk": item["sk"] }),
        )
    };
    match action {
        "dynamodb:PutItem" | "dynamodb:UpdateItem" | "dynamodb:DeleteItem" => vec![one(question)],
        "dynamodb:TransactWriteItems" => {
            let writes = question["TransactItems"].as_array().into_iter().flatten();
            writes
                .filter_map(|write| write.as_object()?.values().next())
                .map(one)
                .collect()
        }
        _ => Vec::new(),
    }
}

pub(super) fn write_units(
    action: &str,
    before: &[Option<Value>],
    after: &[Option<Value>],
) -> WriteUnits {
    let factor = if action == "dynamodb:TransactWriteItems" {
        2
    } else {
        1
    };
    let bytes = |item: &Option<Value>| item.as_ref().map_or(0, item_bytes);
    let larger = before
        .iter()
        .zip(after)
        .map(|(before, after)| bytes(before).max(bytes(after)));
    WriteUnits(
        larger
            .map(|bytes| factor * bytes.div_ceil(1024).max(1))
            .sum(),
    )
}

pub(super) fn read_units(action: &str, question: &Value, answer: &Value) -> ReadUnits {
    let halves = |bytes: u64, request: &Value| {
        let factor = if request["ConsistentRead"] == true {
            2
        } else {
            1
        };
        factor * bytes.div_ceil(4096).max(1)
    };
    ReadUnits(match action {
        "dynamodb:GetItem" => halves(answer.get("Item").map_or(0, item_bytes), question),
        "dynamodb:Query" => {
            let items = answer["Items"].as_array().into_iter().flatten();
            halves(items.map(item_bytes).sum(), question)
        }
        "dynamodb:BatchGetItem" => {
            let tables = question["RequestItems"].as_object().into_iter().flatten();
            let each = |(table, request): (&String, &Value)| {
                let asked = request["Keys"].as_array().map_or(0, Vec::len) as u64;
                let items: Vec<u64> = answer["Responses"][table]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(item_bytes)
                    .collect();
                let missing = asked - (items.len() as u64).min(asked);
                items
                    .iter()
                    .map(|bytes| halves(*bytes, request))
                    .sum::<u64>()
                    + missing * halves(0, request)
            };
            tables.map(each).sum()
        }
        _ => 0,
    })
}

/// The size of an item in DynamoDB's JSON.
fn item_bytes(item: &Value) -> u64 {
    item.as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| name.len() as u64 + value_bytes(value))
        .sum()
}

fn value_bytes(value: &Value) -> u64 {
    let Some((kind, value)) = value.as_object().and_then(|object| object.iter().next()) else {
        return 0;
    };
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len() as u64,
        // Base64 of the bytes that count.
        ("B", Value::String(text)) => text.trim_end_matches('=').len() as u64 * 3 / 4,
        ("N", Value::String(number)) => {
            number
                .trim_start_matches('-')
                .trim_end_matches('0')
                .len()
                .div_ceil(2) as u64
                + 1
        }
        ("L", Value::Array(values)) => {
            3 + values
                .iter()
                .map(|value| 1 + value_bytes(value))
                .sum::<u64>()
        }
        ("M", Value::Object(_)) => {
            3 + value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(n, v)| 1 + n.len() as u64 + value_bytes(v))
                .sum::<u64>()
        }
        ("SS" | "NS" | "BS", Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map_or(0, str::len) as u64)
            .sum(),
        _ => 1,
    }
}
