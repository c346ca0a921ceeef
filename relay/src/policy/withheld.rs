//! The name of something that does not leave the host: a data category or a lane.

use std::str::FromStr;

use protocol::ids::Lane;
use protocol::item::Category;
use serde::{Deserialize, Serialize};

/// Lanes by name. What travels in the control lane is how the relay accounts for the others.
const LANES: [(&str, Lane); 4] = [
    ("errors", Lane::Errors),
    ("logs", Lane::Logs),
    ("traces", Lane::Traces),
    ("blobs", Lane::Blobs),
];

/// What does not leave the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Withheld {
    /// A data category.
    Category(Category),
    /// Everything of a lane.
    Lane(Lane),
}

/// A name of neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is neither a data category, such as \"attachment\" or \"replay\", nor a lane: \"errors\", \"logs\", \"traces\", \"blobs\""
)]
pub struct WithheldError(String);

impl Withheld {
    pub(super) fn covers(self, lane: Lane, category: Category) -> bool {
        match self {
            Self::Category(withheld) => withheld == category,
            // Reports of what SDKs dropped hold counts alone.
            Self::Lane(withheld) => withheld == lane && category != Category::ClientReport,
        }
    }
}

impl FromStr for Withheld {
    type Err = WithheldError;
    fn from_str(name: &str) -> Result<Self, WithheldError> {
        if let Some((_, lane)) = LANES.iter().find(|(known, _)| *known == name) {
            return Ok(Self::Lane(*lane));
        }
        match Category::from_name(name) {
            None | Some(Category::ClientReport | Category::Unknown) => {
                Err(WithheldError(name.to_owned()))
            }
            Some(category) => Ok(Self::Category(category)),
        }
    }
}

impl TryFrom<String> for Withheld {
    type Error = WithheldError;
    fn try_from(name: String) -> Result<Self, WithheldError> {
        name.parse()
    }
}

impl From<Withheld> for String {
    fn from(withheld: Withheld) -> Self {
        match withheld {
            Withheld::Category(category) => category.name().to_owned(),
            Withheld::Lane(lane) => {
                let known = LANES.iter().find(|(_, known)| *known == lane);
                known.map_or("", |(name, _)| name).to_owned()
            }
        }
    }
}
