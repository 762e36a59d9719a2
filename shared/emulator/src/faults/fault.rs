//! One switch: off, on, or on for the next few times. In JSON `false`, `true` or a number.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    Off,
    Always,
    /// For the next this many requests that it concerns.
    Times(u32),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Switch(bool),
    Times(u32),
}

impl Fault {
    /// Whether it strikes now; a counted fault has one less left afterwards.
    pub(crate) fn strike(&mut self) -> bool {
        match *self {
            Self::Off | Self::Times(0) => false,
            Self::Always => true,
            Self::Times(1) => {
                *self = Self::Off;
                true
            }
            Self::Times(times) => {
                *self = Self::Times(times - 1);
                true
            }
        }
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
        let wire = Wire::deserialize(deserializer);
        match wire.map_err(|_| D::Error::custom("a fault is true, false or how many times"))? {
            Wire::Switch(false) | Wire::Times(0) => Ok(Self::Off),
            Wire::Switch(true) => Ok(Self::Always),
            Wire::Times(times) => Ok(Self::Times(times)),
        }
    }
}
