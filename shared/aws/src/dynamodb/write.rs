//! One conditional write, in the same form by itself or in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update,
};

use super::attribute::Item;
use super::key::Key;

/// Every attribute is referenced as `#name`, because many of the domain's words are reserved by
/// DynamoDB; every value as `:name`.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) key: Key,
    pub(super) action: Action,
    pub(super) condition: Option<String>,
    pub(super) values: Item,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    Put(Item),
    Update(Clauses),
    Delete,
}

impl Action {
    /// As in an IAM policy.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Put(_) => "PutItem",
            Self::Update(_) => "UpdateItem",
            Self::Delete => "DeleteItem",
        }
    }
}

/// The parts of an update expression.
#[derive(Debug, Clone, Default)]
pub(super) struct Clauses {
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
}

impl Write {
    /// Puts the attributes as a complete item at the key.
    pub(super) fn put(key: Key, mut attributes: Item) -> Self {
        attributes.extend(key.attributes());
        Self {
            key,
            action: Action::Put(attributes),
            condition: None,
            values: Item::new(),
        }
    }

    pub(super) fn update(key: Key) -> Self {
        Self {
            key,
            action: Action::Update(Clauses::default()),
            condition: None,
            values: Item::new(),
        }
    }

    pub(super) fn delete(key: Key) -> Self {
        Self {
            key,
            action: Action::Delete,
            condition: None,
            values: Item::new(),
        }
    }

    #[must_use]
    pub(super) fn when(mut self, condition: &str) -> Self {
        self.condition = Some(condition.to_owned());
        self
    }

    /// Adds a condition to the existing ones.
    #[must_use]
    pub(super) fn and(self, condition: &str) -> Self {
        let whole = match &self.condition {
            Some(others) => format!("{others} AND {condition}"),
            None => condition.to_owned(),
        };
        self.when(&whole)
    }

    /// The value of a placeholder in the condition.
    #[must_use]
    pub(super) fn with(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    #[must_use]
    pub(super) fn set(self, name: &str, value: AttributeValue) -> Self {
        self.clause(name, value, |clauses| {
            clauses.set.push(format!("#{name} = :{name}"))
        })
    }

    #[must_use]
    pub(super) fn set_each(
        self,
        attributes: impl Iterator<Item = (String, AttributeValue)>,
    ) -> Self {
        attributes.fold(self, |write, (name, value)| write.set(&name, value))
    }

    /// An absent value removes the attribute.
    #[must_use]
    pub(super) fn set_or_remove(mut self, name: &str, value: Option<AttributeValue>) -> Self {
        let Some(value) = value else {
            if let Action::Update(clauses) = &mut self.action {
                clauses.remove.push(format!("#{name}"));
            }
            return self;
        };
        self.set(name, value)
    }

    #[must_use]
    pub(super) fn increase(self, name: &str, by: AttributeValue) -> Self {
        self.clause(name, by, |clauses| {
            clauses.set.push(format!("#{name} = #{name} + :{name}"))
        })
    }

    #[must_use]
    pub(super) fn decrease(self, name: &str, by: AttributeValue) -> Self {
        self.clause(name, by, |clauses| {
            clauses.set.push(format!("#{name} = #{name} - :{name}"))
        })
    }

    /// Like `increase`, but starts from zero if the attribute does not exist.
    #[must_use]
    pub(super) fn add(self, name: &str, by: AttributeValue) -> Self {
        self.clause(name, by, |clauses| {
            clauses.add.push(format!("#{name} :{name}"))
        })
    }

    #[must_use]
    pub(super) fn append(self, name: &str, elements: Vec<AttributeValue>) -> Self {
        let expression =
            format!("#{name} = list_append(if_not_exists(#{name}, :nothing), :{name})");
        self.clause(name, AttributeValue::L(elements), |clauses| {
            clauses.set.push(expression)
        })
        .with(":nothing", AttributeValue::L(Vec::new()))
    }

    fn clause(mut self, name: &str, value: AttributeValue, add: impl FnOnce(&mut Clauses)) -> Self {
        if let Action::Update(clauses) = &mut self.action {
            add(clauses);
        }
        self.with(&format!(":{name}"), value)
    }

    /// False for an update of nothing.
    pub(super) fn changes_anything(&self) -> bool {
        match &self.action {
            Action::Update(clauses) => !clauses.expression().is_empty(),
            Action::Put(_) | Action::Delete => true,
        }
    }

    pub(super) fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    /// The `#name` of every attribute that an expression uses.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        let expression = match &self.action {
            Action::Update(clauses) => clauses.expression(),
            Action::Put(_) | Action::Delete => String::new(),
        };
        names_in(&format!(
            "{expression} {}",
            self.condition.as_deref().unwrap_or_default()
        ))
    }

    /// A refusal returns the existing item, so that it need not be read.
    pub(super) fn on_failure(&self) -> Option<OnFailure> {
        self.condition.is_some().then_some(OnFailure::AllOld)
    }

    pub(super) fn in_transaction(&self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let item = TransactWriteItem::builder();
        let built = match &self.action {
            Action::Put(attributes) => item.put(
                Put::builder()
                    .table_name(table)
                    .set_item(Some(attributes.clone()))
                    .set_condition_expression(self.condition.clone())
                    .set_expression_attribute_names(self.names())
                    .set_expression_attribute_values(self.values())
                    .set_return_values_on_condition_check_failure(self.on_failure())
                    .build()?,
            ),
            Action::Update(clauses) => item.update(
                Update::builder()
                    .table_name(table)
                    .set_key(Some(self.key.attributes()))
                    .update_expression(clauses.expression())
                    .set_condition_expression(self.condition.clone())
                    .set_expression_attribute_names(self.names())
                    .set_expression_attribute_values(self.values())
                    .set_return_values_on_condition_check_failure(self.on_failure())
                    .build()?,
            ),
            Action::Delete => item.delete(
                Delete::builder()
                    .table_name(table)
                    .set_key(Some(self.key.attributes()))
                    .set_condition_expression(self.condition.clone())
                    .set_expression_attribute_names(self.names())
                    .set_expression_attribute_values(self.values())
                    .set_return_values_on_condition_check_failure(self.on_failure())
                    .build()?,
            ),
        };
        Ok(built.build())
    }
}

impl Clauses {
    pub(super) fn expression(&self) -> String {
        [
            ("SET", &self.set),
            ("REMOVE", &self.remove),
            ("ADD", &self.add),
        ]
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(verb, parts)| format!("{verb} {}", parts.join(", ")))
        .collect::<Vec<_>>()
        .join(" ")
    }
}

/// `None` if there is none: DynamoDB refuses an empty map.
pub(super) fn names_in(expression: &str) -> Option<HashMap<String, String>> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let names: HashMap<String, String> = expression
        .split('#')
        .skip(1)
        .map(|rest| {
            rest.split(|character| !is_name(character))
                .next()
                .unwrap_or_default()
        })
        .map(|name| (format!("#{name}"), name.to_owned()))
        .collect();
    (!names.is_empty()).then_some(names)
}
