//! One switch: off, on, or on for the next few times. In JSON `false`, `true` or the number.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    Off,
    Always,
    Times(u32),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Switch(bool),
    Times(u32),
}

impl Fault {
    /// Whether it would strike now.
    pub fn is_on(self) -> bool {
        !matches!(self, Self::Off | Self::Times(0))
    }

    /// Whether it strikes now; decrements a counted one.
    pub fn strike(&mut self) -> bool {
        match *self {
            Self::Off | Self::Times(0) => false,
            Self::Always => true,
            Self::Times(times) => {
                *self = Self::Times(times - 1);
                true
            }
        }
    }
}

/// A number that a fault is set to; `false` and `null` are off, as for a switch.
pub(super) fn number_or_off<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64> + Default,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Is(i64),
        Switch(bool),
    }
    match Option::<Number>::deserialize(deserializer) {
        Ok(None | Some(Number::Switch(false))) => Ok(T::default()),
        Ok(Some(Number::Is(number))) => {
            T::try_from(number).map_err(|_| D::Error::custom("the number is out of range"))
        }
        _ => Err(D::Error::custom("not false or a whole number")),
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::Always => serializer.serialize_bool(true),
            Self::Times(times) => serializer.serialize_u32(*times),
        }
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)
            .map_err(|_| D::Error::custom("not true, false or a number"))?;
        Ok(match written {
            Written::Switch(false) => Self::Off,
            Written::Switch(true) => Self::Always,
            Written::Times(times) => Self::Times(times),
        })
    }
}
